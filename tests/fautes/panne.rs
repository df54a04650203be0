//! A node under `panne.c`, whose clock and disk do what a test asks for.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::node::{Serving, arg, greffe, text};

/// The faults of one node.
pub struct Panne {
    library: PathBuf,
    orders: PathBuf,
    ombre: Option<PathBuf>,
}

impl Panne {
    /// Compiles the faults into `dir`; none, aloud, where there is no C compiler.
    pub fn new(dir: &Path, test: &str) -> Option<Self> {
        let library = dir.join("panne.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fautes/panne.c");
        let compiled = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o", arg(&library), source]).output();
        match compiled {
            Err(_) => {
                eprintln!("skipped: there is no C compiler ({test})");
                return None;
            }
            Ok(output) => assert!(output.status.success(), "{}", text(&output.stderr)),
        }
        Some(Self { library, orders: dir.join("ordres"), ombre: None })
    }

    /// From now on.
    pub fn order(&self, orders: &str) {
        // Renamed into place: never read half written.
        let new = self.orders.with_extension("nouveau");
        fs::write(&new, orders).unwrap();
        fs::rename(new, &self.orders).unwrap();
    }

    /// What a power cut would leave of what is synced from now on is kept in `ombre`.
    pub fn shadow(&mut self, ombre: PathBuf) {
        fs::create_dir(&ombre).unwrap();
        self.ombre = Some(ombre);
    }

    /// The node of that folder, with these faults.
    pub fn serve(&self, dir: &Path) -> Result<Serving, String> {
        let mut command = greffe();
        command.args(["serve", "--dir", arg(dir), "--listen", "127.0.0.1:0"]);
        command.env("LD_PRELOAD", &self.library).env("GREFFE_PANNE", &self.orders);
        if let Some(ombre) = &self.ombre {
            command.env("GREFFE_OMBRE", ombre);
        }
        Serving::run(command)
    }
}

/// Says that everything in `root` is on disk: the state before the shadow begins.
pub fn settle_shadow(root: &Path, ombre: &Path) {
    let mut names = String::new();
    for entry in fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        let kind = if metadata.is_dir() { 'd' } else { 'f' };
        if kind == 'd' {
            settle_shadow(&entry.path(), ombre);
        } else {
            fs::copy(entry.path(), ombre.join(format!("f-{}", metadata.ino()))).unwrap();
        }
        writeln!(names, "{kind}{} {}", metadata.ino(), entry.file_name().to_str().unwrap()).unwrap();
    }
    fs::write(ombre.join(format!("d-{}", fs::metadata(root).unwrap().ino())), names).unwrap();
}

/// Makes `to` of what the shadow of `root` holds: the disk after a power cut. What was named and never synced itself is empty.
pub fn after_power_cut(root: &Path, ombre: &Path, to: &Path) {
    let kept: HashMap<String, PathBuf> = fs::read_dir(ombre)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), path))
        .collect();
    bring_back(fs::metadata(root).unwrap().ino(), &kept, to);
}

fn bring_back(ino: u64, kept: &HashMap<String, PathBuf>, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    let names = kept.get(&format!("d-{ino}")).map_or_else(String::new, |path| fs::read_to_string(path).unwrap());
    for line in names.lines() {
        let (inode, name) = line.split_once(' ').unwrap();
        let (kind, ino) = inode.split_at(1);
        if kind == "d" {
            bring_back(ino.parse().unwrap(), kept, &to.join(name));
            continue;
        }
        let bytes = kept.get(&format!("f-{ino}")).map_or_else(Vec::new, |path| fs::read(path).unwrap());
        let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to.join(name));
        file.unwrap().write_all(&bytes).unwrap();
    }
}
