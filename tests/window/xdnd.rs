//! Drops real files on a window as a file manager would, by speaking XDND 5 as the source.
//!
//! No mouse and no toolkit: the protocol is messages between two windows, and one is ours.

use std::error::Error;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use x11rb::connection::Connection;
use x11rb::protocol::Event;
use x11rb::protocol::xproto::{
    Atom, AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode,
    SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window, WindowClass,
};
use x11rb::rust_connection::RustConnection;
use x11rb::wrapper::ConnectionExt as _;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// How long the whole drop may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the files are moved over the window before they are let go: it must have agreed.
const MOVES: u32 = 3;

x11rb::atom_manager! {
    /// What the two windows call things.
    Atoms: AtomsCookie {
        XdndAware, XdndSelection, XdndActionCopy, XdndEnter, XdndPosition, XdndDrop, XdndStatus,
        XdndFinished, TARGETS, URIS: b"text/uri-list",
    }
}

struct Drag {
    x: RustConnection,
    atoms: Atoms,
    target: Window,
    source: Window,
    /// The point that is dropped on, as the protocol packs it.
    point: u32,
    uris: String,
}

/// Drops `paths` at a point of the window called `title`.
///
/// # Errors
/// When there is no such window, or it does not take them.
pub fn drop_files(title: &str, (x, y): (i16, i16), paths: &[&Path]) -> Done {
    let mut drag = Drag::begin(title, (x, y), paths)?;
    let started = Instant::now();
    let mut moves = 0;
    drag.send(drag.atoms.XdndEnter, [5 << 24, drag.atoms.URIS, 0, 0])?;
    drag.step()?;
    while started.elapsed() < PATIENCE {
        match drag.x.poll_for_event()? {
            None => sleep(Duration::from_millis(5)),
            Some(Event::SelectionRequest(asked)) => drag.hand_over(&asked)?,
            Some(Event::ClientMessage(said)) if said.type_ == drag.atoms.XdndStatus => {
                moves += 1;
                let agreed = said.data.as_data32()[1] & 1 == 1;
                match moves {
                    n if n < MOVES => drag.step()?,
                    MOVES if agreed => drag.send(drag.atoms.XdndDrop, [0; 4])?,
                    MOVES => return Err("the window does not take files here".into()),
                    _ => {}
                }
            }
            Some(Event::ClientMessage(said)) if said.type_ == drag.atoms.XdndFinished => {
                return Ok(());
            }
            Some(_) => {}
        }
    }
    Err("the window did not answer".into())
}

impl Drag {
    fn begin(title: &str, (x, y): (i16, i16), paths: &[&Path]) -> Done<Self> {
        let (c, screen) = x11rb::connect(None)?;
        let root = c.setup().roots[screen].root;
        let atoms = Atoms::new(&c)?.reply()?;
        let target = find(&c, root, atoms.XdndAware, title)?.ok_or("no such window takes drops")?;
        let source = c.generate_id()?;
        let look = CreateWindowAux::new();
        c.create_window(0, source, root, -9, -9, 1, 1, 0, WindowClass::INPUT_OUTPUT, 0, &look)?;
        c.change_property32(PropMode::REPLACE, source, atoms.XdndAware, AtomEnum::ATOM, &[5])?;
        c.set_selection_owner(source, atoms.XdndSelection, x11rb::CURRENT_TIME)?;
        let at = c.translate_coordinates(target, root, x, y)?.reply()?;
        let point = u32::try_from(at.dst_x)? << 16 | u32::try_from(at.dst_y)?;
        let uris = paths.iter().map(|path| uri(path)).collect();
        Ok(Drag { x: c, atoms, target, source, point, uris })
    }

    /// Moves over the point.
    fn step(&self) -> Done {
        let copy = self.atoms.XdndActionCopy;
        self.send(self.atoms.XdndPosition, [0, self.point, 0, copy])
    }

    fn send(&self, kind: Atom, [a, b, c, d]: [u32; 4]) -> Done {
        let message = ClientMessageEvent::new(32, self.target, kind, [self.source, a, b, c, d]);
        self.x.send_event(false, self.target, EventMask::NO_EVENT, message)?;
        self.x.flush()?;
        Ok(())
    }

    /// Answers the window when it asks what is being dropped.
    fn hand_over(&mut self, asked: &SelectionRequestEvent) -> Done {
        let (to, property) = (asked.requestor, asked.property);
        let known = if asked.target == self.atoms.URIS {
            let uris = self.uris.as_bytes();
            self.x.change_property8(PropMode::REPLACE, to, property, self.atoms.URIS, uris)?;
            property
        } else if asked.target == self.atoms.TARGETS {
            let kinds = [self.atoms.URIS];
            self.x.change_property32(PropMode::REPLACE, to, property, AtomEnum::ATOM, &kinds)?;
            property
        } else {
            0
        };
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: asked.time,
            requestor: to,
            selection: asked.selection,
            target: asked.target,
            property: known,
        };
        self.x.send_event(false, to, EventMask::NO_EVENT, answer)?;
        self.x.flush()?;
        Ok(())
    }
}

/// The window with this title that takes drops.
fn find(c: &RustConnection, root: Window, aware: Atom, title: &str) -> Done<Option<Window>> {
    let mut left = vec![root];
    while let Some(window) = left.pop() {
        let name = c.get_property(false, window, AtomEnum::WM_NAME, AtomEnum::ANY, 0, 256)?.reply();
        let takes = c.get_property(false, window, aware, AtomEnum::ANY, 0, 1)?.reply();
        let named = name.is_ok_and(|name| name.value == title.as_bytes());
        if named && takes.is_ok_and(|takes| takes.length > 0) {
            return Ok(Some(window));
        }
        if let Ok(tree) = c.query_tree(window)?.reply() {
            left.extend(tree.children);
        }
    }
    Ok(None)
}

/// A path as the one line of a list that it becomes.
fn uri(path: &Path) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-~".contains(&b);
    let path = path.display().to_string();
    let escaped = path
        .bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") });
    format!("file://{}\r\n", escaped.collect::<String>())
}
