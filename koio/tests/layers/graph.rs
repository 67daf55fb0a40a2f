//! Who imports whom: every path of every file resolved to the file that defines what it names.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::{Names, Source};

/// Which files each file imports, by their places in `sources`.
pub(crate) struct Graph<'a> {
    pub(crate) sources: &'a [Source],
    modules: BTreeMap<&'a [String], usize>,
    pub(crate) imports: Vec<BTreeSet<usize>>,
    /// The crates that each file names.
    pub(crate) crates: Vec<BTreeSet<String>>,
}

impl<'a> Graph<'a> {
    pub(crate) fn new(sources: &'a [Source]) -> Self {
        let modules = sources
            .iter()
            .enumerate()
            .map(|(at, source)| (source.module.as_slice(), at))
            .collect();
        let mut graph = Self {
            sources,
            modules,
            imports: vec![BTreeSet::new(); sources.len()],
            crates: vec![BTreeSet::new(); sources.len()],
        };
        for (at, source) in sources.iter().enumerate() {
            let (imports, crates) = graph.named_by(at, source);
            graph.imports[at] = imports;
            graph.crates[at] = crates;
        }
        graph
    }

    /// The files and the crates that one file names.
    fn named_by(&self, at: usize, source: &Source) -> (BTreeSet<usize>, BTreeSet<String>) {
        let mut imports = BTreeSet::new();
        let mut crates = BTreeSet::new();
        let uses = source.uses.values().map(|path| self.absolute(source, path));
        let code = source.paths.iter().map(|path| self.in_code(source, path));
        for path in uses.chain(code) {
            match path {
                Resolved::Inside(path) => imports.extend(self.definer(&path, 0)),
                Resolved::Crate(name) => _ = crates.insert(name),
                Resolved::Unknown => {}
            }
        }
        imports.remove(&at);
        (imports, crates)
    }

    /// A path as seen from the root of the crate.
    fn absolute(&self, source: &Source, path: &Names) -> Resolved {
        let Some(first) = path.first() else {
            return Resolved::Unknown;
        };
        let rest = &path[1..];
        match first.as_str() {
            "crate" => Resolved::Inside(rest.to_vec()),
            "self" => Resolved::Inside([&source.module, rest].concat()),
            "super" => {
                let mut module = source.module.clone();
                let ups = path.iter().take_while(|name| *name == "super").count();
                // A module within the file goes up to the file itself first; that costs no import.
                module.truncate(module.len().saturating_sub(ups));
                Resolved::Inside([module, path[ups..].to_vec()].concat())
            }
            name => {
                let child = [&source.module, std::slice::from_ref(first)].concat();
                if self.modules.contains_key(child.as_slice()) {
                    return Resolved::Inside([&source.module, path.as_slice()].concat());
                }
                let is_own = source.defines.iter().any(|own| own == name);
                let is_crate = name.chars().all(|letter| !letter.is_uppercase());
                if is_crate && !is_own {
                    Resolved::Crate(name.to_owned())
                } else {
                    Resolved::Unknown
                }
            }
        }
    }

    /// The same for a path in code, whose first name may have been brought by a `use`.
    fn in_code(&self, source: &Source, path: &Names) -> Resolved {
        let alias = path
            .first()
            .and_then(|first| source.uses.get(first).or_else(|| source.exports.get(first)));
        match alias {
            Some(alias) => match self.absolute(source, alias) {
                Resolved::Inside(module) => Resolved::Inside([module, path[1..].to_vec()].concat()),
                other => other,
            },
            // A single name is a local of the code or one of its own items.
            None if path.len() == 1 => Resolved::Unknown,
            None => self.absolute(source, path),
        }
    }

    /// The file that defines what an absolute path names. `None` for a module itself: naming it imports nothing yet.
    fn definer(&self, path: &[String], depth: usize) -> Option<usize> {
        let known = (0..=path.len())
            .rev()
            .find(|&end| self.modules.contains_key(&path[..end]))?;
        let at = self.modules[&path[..known]];
        let source = &self.sources[at];
        let name = path.get(known)?;
        if source.defines.contains(name) || depth > 8 {
            return Some(at);
        }
        let by_name = source.exports.get(name).map(|export| (export, None));
        let by_glob = source
            .exports
            .iter()
            .filter(|(export, _)| export.starts_with('*'))
            .map(|(_, export)| (export, Some(name)));
        for (export, below) in by_name.into_iter().chain(by_glob) {
            if let Resolved::Inside(mut target) = self.absolute(source, export) {
                target.extend(below.cloned());
                target.extend_from_slice(&path[known + 1..]);
                if let Some(definer) = self.definer(&target, depth + 1) {
                    return Some(definer);
                }
            }
        }
        // A name that comes from another crate, or a macro.
        (!source.uses.contains_key(name)).then_some(at)
    }

    /// Groups of files that import each other, directly or by way of others: Tarjan's strongly connected components.
    pub(crate) fn circles(&self) -> Vec<Vec<&str>> {
        let mut search = Search {
            graph: self,
            next: 0,
            index: vec![None; self.sources.len()],
            low: vec![0; self.sources.len()],
            stack: Vec::new(),
            circles: Vec::new(),
        };
        for at in 0..self.sources.len() {
            if search.index[at].is_none() {
                search.visit(at);
            }
        }
        search.circles
    }
}

enum Resolved {
    Inside(Names),
    Crate(String),
    Unknown,
}

struct Search<'a, 'g> {
    graph: &'g Graph<'a>,
    next: usize,
    index: Vec<Option<usize>>,
    low: Vec<usize>,
    stack: Vec<usize>,
    circles: Vec<Vec<&'a str>>,
}

impl Search<'_, '_> {
    fn visit(&mut self, at: usize) {
        let index = self.next;
        self.next += 1;
        self.index[at] = Some(index);
        self.low[at] = index;
        self.stack.push(at);
        for &target in &self.graph.imports[at] {
            match self.index[target] {
                None => {
                    self.visit(target);
                    self.low[at] = self.low[at].min(self.low[target]);
                }
                Some(other) if self.stack.contains(&target) => {
                    self.low[at] = self.low[at].min(other);
                }
                Some(_) => {}
            }
        }
        if self.low[at] == index {
            let start = self.stack.iter().position(|&other| other == at).unwrap();
            let circle = self.stack.split_off(start);
            if circle.len() > 1 {
                let names = circle
                    .iter()
                    .map(|&at| self.graph.sources[at].name.as_str());
                self.circles.push(names.collect());
            }
        }
    }
}
