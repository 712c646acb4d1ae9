//! Drops real files on a window, as a file manager does: the source side of XDND 5.
//!
//! It needs no mouse and no toolkit: the protocol is messages between two windows.

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

/// Timeout of the whole drop.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Moves over the window before the drop; by then the window must have accepted the files.
const MOVES: u32 = 3;

x11rb::atom_manager! {
    /// Names used by the protocol.
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
    /// The drop position, packed as x and y of 16 bits each.
    point: u32,
    uris: String,
}

/// Drops `paths` at a point of the window with this `title`.
///
/// # Errors
/// No such window, or the window does not accept files.
pub fn drop_files(title: &str, (x, y): (i16, i16), paths: &[&Path]) -> Done {
    let mut drag = Drag::begin(title, (x, y), paths)?;
    let started = Instant::now();
    let mut moves = 0;
    drag.send(drag.atoms.XdndEnter, [5 << 24, drag.atoms.URIS, 0, 0])?;
    drag.step()?;
    while started.elapsed() < TIMEOUT {
        match drag.x.poll_for_event()? {
            None => sleep(Duration::from_millis(5)),
            Some(Event::SelectionRequest(request)) => drag.answer(&request)?,
            Some(Event::ClientMessage(message)) if message.type_ == drag.atoms.XdndStatus => {
                moves += 1;
                let accepted = message.data.as_data32()[1] & 1 == 1;
                match moves {
                    n if n < MOVES => drag.step()?,
                    MOVES if accepted => drag.send(drag.atoms.XdndDrop, [0; 4])?,
                    MOVES => return Err("the window does not accept files here".into()),
                    _ => {}
                }
            }
            Some(Event::ClientMessage(message)) if message.type_ == drag.atoms.XdndFinished => {
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
        let target = find(&c, root, atoms.XdndAware, title)?
            .ok_or("no window with this title accepts drops")?;
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

    /// Moves the files over the drop position.
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

    /// Answers the window's request for the list of files.
    fn answer(&mut self, request: &SelectionRequestEvent) -> Done {
        let (to, property) = (request.requestor, request.property);
        let known = if request.target == self.atoms.URIS {
            let uris = self.uris.as_bytes();
            self.x.change_property8(PropMode::REPLACE, to, property, self.atoms.URIS, uris)?;
            property
        } else if request.target == self.atoms.TARGETS {
            let kinds = [self.atoms.URIS];
            self.x.change_property32(PropMode::REPLACE, to, property, AtomEnum::ATOM, &kinds)?;
            property
        } else {
            0
        };
        let answer = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: to,
            selection: request.selection,
            target: request.target,
            property: known,
        };
        self.x.send_event(false, to, EventMask::NO_EVENT, answer)?;
        self.x.flush()?;
        Ok(())
    }
}

/// Finds the window with this title that accepts drops.
fn find(c: &RustConnection, root: Window, aware: Atom, title: &str) -> Done<Option<Window>> {
    let mut left = vec![root];
    while let Some(window) = left.pop() {
        let name = c.get_property(false, window, AtomEnum::WM_NAME, AtomEnum::ANY, 0, 256)?.reply();
        let accepts = c.get_property(false, window, aware, AtomEnum::ANY, 0, 1)?.reply();
        let named = name.is_ok_and(|name| name.value == title.as_bytes());
        if named && accepts.is_ok_and(|accepts| accepts.length > 0) {
            return Ok(Some(window));
        }
        if let Ok(tree) = c.query_tree(window)?.reply() {
            left.extend(tree.children);
        }
    }
    Ok(None)
}

/// A path as a line of `text/uri-list`.
fn uri(path: &Path) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/._-~".contains(&b);
    let path = path.display().to_string();
    let escaped = path
        .bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") });
    format!("file://{}\r\n", escaped.collect::<String>())
}
