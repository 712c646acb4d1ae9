//! The import graph of a crate: which file names items of which other file, and its cycles.
//!
//! Paths that begin with `crate`, `self`, `super` or a child module are followed, through re-exports,
//! to the file that defines the item. Unit tests are left out. A file that uses its own parent module does not
//! count: the two are one module.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Item, ItemMod, UseTree, Visibility};

/// A module's path within its crate, without `crate`.
type Module = Vec<String>;

/// A crate's modules, each in a file, and the paths that each of them names.
pub struct Imports {
    modules: BTreeMap<Module, Names>,
}

#[derive(Default)]
struct Names {
    /// Absolute paths, with the module that names them.
    paths: BTreeSet<Module>,
    /// What a name stands for, where the module hands on an item of another.
    exports: BTreeMap<String, Module>,
}

impl Imports {
    /// Reads the files below a crate's `src`.
    pub fn of(src: &Path) -> Self {
        let mut modules = BTreeMap::new();
        let mut tests = BTreeSet::new();
        for file in rust_files(src) {
            let relative = file.strip_prefix(src).unwrap().with_extension("");
            let mut module: Module =
                relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if ["lib", "main", "mod"].contains(&module.last().unwrap().as_str()) {
                module.pop();
            }
            let text = fs::read_to_string(&file).unwrap();
            let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{file:?}: {e}"));
            let children = parsed.items.iter().filter_map(|item| match item {
                Item::Mod(child) => Some(child.ident.to_string()),
                _ => None,
            });
            let children = children.collect();
            let mut reader = Reader { module: module.clone(), children, ..Reader::default() };
            reader.visit_file(&parsed);
            modules.insert(module, reader.names);
            tests.extend(reader.tests);
        }
        modules.retain(|module, _| !(1..=module.len()).any(|n| tests.contains(&module[..n])));
        Self { modules }
    }

    /// One cycle of each set of files that import each other, as `a → b → a`.
    pub fn cycles(&self) -> Vec<String> {
        let edges: BTreeMap<&Module, BTreeSet<&Module>> =
            self.modules.iter().map(|(from, names)| (from, self.imported(from, names))).collect();
        let mut found = Vec::new();
        let mut in_a_cycle = BTreeSet::new();
        for start in self.modules.keys() {
            if in_a_cycle.contains(start) {
                continue;
            }
            if let Some(cycle) = shortest_cycle(&edges, start) {
                in_a_cycle.extend(cycle.iter().copied());
                let files = cycle.iter().chain([&start]).map(|module| module.join("/"));
                found.push(files.collect::<Vec<_>>().join(" → "));
            }
        }
        found
    }

    fn imported<'a>(&'a self, from: &Module, names: &Names) -> BTreeSet<&'a Module> {
        let files = names.paths.iter().filter_map(|path| self.home(path, 0));
        files.filter(|to| !from.starts_with(to)).collect()
    }

    /// The module that defines what a path names.
    fn home(&self, path: &[String], depth: usize) -> Option<&Module> {
        let parts = (0..=path.len()).rev().find(|n| self.modules.contains_key(&path[..*n]))?;
        let (module, names) = self.modules.get_key_value(&path[..parts])?;
        let Some(item) = path.get(parts).filter(|_| depth < 8) else { return Some(module) };
        if let Some(target) = names.exports.get(item) {
            return self.home(target, depth + 1);
        }
        Some(module)
    }
}

/// A shortest way along the imports from a file back to itself.
fn shortest_cycle<'a>(
    edges: &BTreeMap<&'a Module, BTreeSet<&'a Module>>,
    start: &'a Module,
) -> Option<Vec<&'a Module>> {
    let mut queue = std::collections::VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(path) = queue.pop_front() {
        for next in edges.get(path.last()?)? {
            if *next == start {
                return Some(path);
            }
            if seen.insert(*next) {
                queue.push_back(path.iter().copied().chain([*next]).collect());
            }
        }
    }
    None
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.join("Cargo.toml").exists() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

#[derive(Default)]
struct Reader {
    module: Module,
    /// The modules that the file declares, which it names without a prefix.
    children: BTreeSet<String>,
    names: Names,
    /// Modules of unit tests.
    tests: BTreeSet<Module>,
}

impl Reader {
    /// The absolute path of one as it is written, if it begins in this crate.
    fn absolute(&self, path: &[String]) -> Option<Module> {
        let supers = path.iter().take_while(|part| *part == "super").count();
        let (base, rest) = match path.first()?.as_str() {
            "crate" => (&self.module[..0], &path[1..]),
            "self" => (&self.module[..], &path[1..]),
            "super" => (&self.module[..self.module.len().checked_sub(supers)?], &path[supers..]),
            child if self.children.contains(child) => (&self.module[..], path),
            _ => return None,
        };
        Some(base.iter().chain(rest).cloned().collect())
    }

    fn use_tree(&mut self, tree: &UseTree, before: &mut Module, exported: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.use_tree(&path.tree, before, exported);
                before.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.use_tree(tree, before, exported));
            }
            UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.used(before, &name, &name, exported);
            }
            UseTree::Rename(name) => {
                self.used(before, &name.ident.to_string(), &name.rename.to_string(), exported);
            }
            UseTree::Glob(_) => {
                if let Some(path) = self.absolute(before) {
                    self.names.paths.insert(path);
                }
            }
        }
    }

    fn used(&mut self, before: &[String], name: &str, as_name: &str, exported: bool) {
        let last = (name != "self").then(|| name.to_owned());
        let written: Module = before.iter().cloned().chain(last).collect();
        let Some(path) = self.absolute(&written) else { return };
        if exported {
            self.names.exports.insert(as_name.to_owned(), path);
        } else {
            self.names.paths.insert(path);
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            Item::Use(import) => {
                let exported = !matches!(import.vis, Visibility::Inherited);
                self.use_tree(&import.tree, &mut Vec::new(), exported);
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| {
            attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
        });
        self.module.push(module.ident.to_string());
        if is_test {
            self.tests.insert(self.module.clone());
        } else {
            visit::visit_item_mod(self, module);
        }
        self.module.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let written: Module = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if let Some(path) = self.absolute(&written) {
            self.names.paths.insert(path);
        }
        visit::visit_path(self, path);
    }
}
