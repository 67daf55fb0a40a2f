//! The files of the library, parsed: what each defines, what it re-exports, and which paths it names.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use syn::{
    Attribute, Ident, Item, ItemMod, ItemUse, UseTree, Visibility,
    visit::{self, Visit},
};

/// A path of names: `crate::wire::Frame` is `["wire", "Frame"]` once it is resolved.
pub(crate) type Names = Vec<String>;

/// One file of `koio/src` without its tests.
pub(crate) struct Source {
    /// Below `src`, with slashes: `engine/task/mod.rs`.
    pub(crate) name: String,
    /// The module that the file is: `["engine", "task"]`.
    pub(crate) module: Names,
    pub(crate) text: String,
    /// Types, functions and constants of the file, by name.
    pub(crate) defines: Vec<String>,
    /// The same, but structs, enums, traits, unions and type aliases alone.
    pub(crate) types: Vec<String>,
    /// What `use` brings into the file: the name there, and the path as it was written.
    pub(crate) uses: BTreeMap<String, Names>,
    /// What a `pub use` hands on. A re-export is not an import.
    pub(crate) exports: BTreeMap<String, Names>,
    /// Every other path of the code, as it was written.
    pub(crate) paths: Vec<Names>,
}

/// Every file of the library apart from tests.
pub(crate) fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    collect(&root(), &mut found);
    found.sort();
    found.iter().map(|path| Source::parse(path)).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if name != "tests" {
                collect(&path, found);
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

impl Source {
    fn parse(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let name = path.strip_prefix(root()).unwrap();
        let name = name.to_str().unwrap().replace('\\', "/");
        let module = name.trim_end_matches(".rs").trim_end_matches("/mod");
        let module = match module {
            "lib" => Names::new(),
            module => module.split('/').map(ToOwned::to_owned).collect(),
        };
        let mut source = Self {
            name,
            module,
            defines: Vec::new(),
            types: Vec::new(),
            uses: BTreeMap::new(),
            exports: BTreeMap::new(),
            paths: Vec::new(),
            text,
        };
        let file = syn::parse_file(&source.text).unwrap();
        source.visit_file(&file);
        source
    }

    /// Its first folder, or the file itself where it stands beside the folders.
    pub(crate) fn room(&self) -> &str {
        self.module.first().map_or("lib", String::as_str)
    }

    fn define(&mut self, name: &Ident, is_type: bool) {
        self.defines.push(name.to_string());
        if is_type {
            self.types.push(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Source {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_test(attributes(item)) {
            return;
        }
        match item {
            Item::Struct(item) => self.define(&item.ident, true),
            Item::Enum(item) => self.define(&item.ident, true),
            Item::Union(item) => self.define(&item.ident, true),
            Item::Trait(item) => self.define(&item.ident, true),
            Item::Type(item) => self.define(&item.ident, true),
            Item::Fn(item) => self.define(&item.sig.ident, false),
            Item::Const(item) => self.define(&item.ident, false),
            Item::Static(item) => self.define(&item.ident, false),
            Item::Macro(item) => {
                // `pin_project!` and its like define the one struct that they wrap.
                if let Some(name) = struct_in(&item.mac) {
                    self.defines.push(name.clone());
                    self.types.push(name);
                }
            }
            _ => {}
        }
        visit::visit_item(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        // A module within the file is part of it.
        visit::visit_item_mod(self, item);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut leaves = Vec::new();
        flatten(&item.tree, &mut Names::new(), &mut leaves);
        let is_export = !matches!(item.vis, Visibility::Inherited);
        for (name, path) in leaves {
            if is_export {
                self.exports.insert(name, path);
            } else {
                self.uses.insert(name, path);
            }
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|part| part.ident.to_string());
        self.paths.push(names.collect());
        visit::visit_path(self, path);
    }
}

fn struct_in(tokens: &syn::Macro) -> Option<String> {
    let mut names = tokens.tokens.to_string();
    let at = names.find("struct ")? + "struct ".len();
    names.drain(..at);
    let end = names.find(|letter: char| !letter.is_alphanumeric() && letter != '_')?;
    tokens
        .path
        .is_ident("pin_project")
        .then(|| names[..end].to_owned())
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Mod(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether an item exists in tests only.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<Ident>()
                .is_ok_and(|condition| condition == "test")
    })
}

/// The leaves of a `use`: the name that each brings, and its path. A glob's name is `*`.
fn flatten(tree: &UseTree, path: &mut Names, leaves: &mut Vec<(String, Names)>) {
    match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            flatten(&part.tree, path, leaves);
            path.pop();
        }
        UseTree::Name(leaf) if leaf.ident == "self" => {
            let name = path.last().cloned().unwrap_or_default();
            leaves.push((name, path.clone()));
        }
        UseTree::Name(leaf) => {
            let name = leaf.ident.to_string();
            leaves.push((name.clone(), [path.as_slice(), &[name]].concat()));
        }
        UseTree::Rename(leaf) => {
            let mut path = path.clone();
            if leaf.ident != "self" {
                path.push(leaf.ident.to_string());
            }
            let name = leaf.rename.to_string();
            // `use Trait as _` brings no name, but is an import all the same.
            let name = if name == "_" { path.join("::") } else { name };
            leaves.push((name, path));
        }
        UseTree::Glob(_) => {
            let name = format!("*{}", path.join("::"));
            leaves.push((name, path.clone()));
        }
        UseTree::Group(group) => {
            for tree in &group.items {
                flatten(tree, path, leaves);
            }
        }
    }
}
