//! The event table for people: every handler, with its event, arguments and middleware.

use std::fmt;

use super::{namespace::Namespace, parts::ROOT};
use crate::{
    router::{
        once::OnceBy,
        pipeline::{BoxMiddleware, Route, ServerRoute, handler::Meta},
    },
    socket::with_slash,
};

/// All handlers of a server, as `describe` gives them. It prints as a table.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Row>,
}

/// One handler in the [`Table`].
#[derive(Clone, Debug)]
pub struct Row {
    namespace: String,
    meta: Meta,
    arguments: Vec<(&'static str, &'static str)>,
    answer: &'static str,
    middleware: Vec<&'static str>,
    also: bool,
    server_side: bool,
    concurrency: usize,
    once_by: Option<String>,
}

impl Table {
    /// The handlers: namespace by namespace, in the order in which they were given.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(crate) fn new(root: &Namespace, namespaces: &[(String, Namespace)]) -> Self {
        let mut rows = Vec::new();
        for route in &root.routes {
            let path = with_slash(route.namespace.unwrap_or(ROOT));
            // A handler given to the server may belong to a declared namespace, and is inside its middleware.
            let declared = namespaces
                .iter()
                .find(|(declared, _)| with_slash(declared) == path);
            let inner = declared.map(|(_, namespace)| namespace);
            rows.push(Row::new(path.into_owned(), route, root, inner));
        }
        for (path, namespace) in namespaces {
            for route in &namespace.routes {
                let path = with_slash(path).into_owned();
                rows.push(Row::new(path, route, root, Some(namespace)));
            }
        }
        for route in &root.server_side {
            rows.push(Row::server_side(ROOT.to_owned(), route));
        }
        for (path, namespace) in namespaces {
            for route in &namespace.server_side {
                rows.push(Row::server_side(with_slash(path).into_owned(), route));
            }
        }
        // Stable: the order within a namespace stays.
        rows.sort_by(|a, b| a.namespace.cmp(&b.namespace));
        Self { rows }
    }
}

fn names(middleware: &[BoxMiddleware]) -> impl Iterator<Item = &'static str> {
    middleware.iter().map(BoxMiddleware::name)
}

impl Row {
    fn new(
        namespace: String,
        route: &Route,
        server: &Namespace,
        inner: Option<&Namespace>,
    ) -> Self {
        let wraps = inner.map_or(&[][..], |namespace| &namespace.wraps);
        let given = inner.and_then(|namespace| namespace.concurrency);
        let given = given.or(server.concurrency).map(|given| given.events);
        let runs_alone = route.meta.is_lifecycle();
        let is_root = inner.is_none() && namespace == ROOT;
        let keys = inner.or_else(|| is_root.then_some(server));
        let mut keys = keys.into_iter().flat_map(|namespace| &namespace.once_by);
        let key = keys.find(|given| given.event == route.meta.event && !route.also);
        let once_by = route.once_by.as_ref().or_else(|| Some(&key?.once_by));
        Self {
            concurrency: match route.concurrency.or(given) {
                Some(events) if !runs_alone => events,
                _ => 1,
            },
            namespace,
            meta: route.meta,
            arguments: route
                .arguments
                .iter()
                .map(|argument| (argument.name, argument.type_name))
                .collect(),
            answer: route.answer,
            middleware: names(&server.wraps)
                .chain(names(wraps))
                .chain(names(&route.wraps))
                .collect(),
            also: route.also,
            once_by: once_by.map(OnceBy::to_string),
            server_side: false,
        }
    }

    fn server_side(namespace: String, route: &ServerRoute) -> Self {
        Self {
            namespace,
            meta: route.meta,
            arguments: Vec::new(),
            answer: route.answer,
            middleware: Vec::new(),
            also: false,
            server_side: true,
            concurrency: 1,
            once_by: None,
        }
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The event.
    #[must_use]
    pub fn event(&self) -> &str {
        self.meta.event
    }

    /// The path of the function.
    #[must_use]
    pub fn handler(&self) -> &str {
        self.meta.name
    }

    /// The file and the line of its `#[on]`, or of the call of `on`.
    #[must_use]
    pub fn location(&self) -> (&str, u32) {
        (self.meta.file, self.meta.line)
    }

    /// The names and types of its arguments. A closure has none: it reads them itself.
    #[must_use]
    pub fn arguments(&self) -> &[(&'static str, &'static str)] {
        &self.arguments
    }

    /// The type that it returns.
    #[must_use]
    pub fn answer(&self) -> &str {
        self.answer
    }

    /// The middleware around it, outermost first.
    #[must_use]
    pub fn middleware(&self) -> &[&'static str] {
        &self.middleware
    }

    /// Whether it runs after the event's first handler, without answering.
    #[must_use]
    pub fn is_also(&self) -> bool {
        self.also
    }

    /// Whether it takes an event of [other servers](crate::Io::on_server_side), and not of clients.
    #[must_use]
    pub fn is_server_side(&self) -> bool {
        self.server_side
    }

    /// How many events of one socket may overlap while one of this handler runs: by its own `concurrency`, or that of its
    /// namespace or of the server. 1 means that it runs alone.
    #[must_use]
    pub fn concurrency(&self) -> usize {
        self.concurrency
    }

    /// By which key its event is handled once, if it is: a JSON pointer into the arguments, or the name of a function, both in
    /// backticks.
    #[must_use]
    pub fn once_by(&self) -> Option<&str> {
        self.once_by.as_deref()
    }

    #[cfg(feature = "discover")]
    pub(crate) fn meta(&self) -> Meta {
        self.meta
    }

    /// "report (also, 16 at once)".
    fn event_cell(&self) -> String {
        let at_once = (self.concurrency > 1).then(|| format!("{} at once", self.concurrency));
        let also = self.also.then(|| "also".to_owned());
        let of_servers = self.server_side.then(|| "of other servers".to_owned());
        let once = self.once_by.as_ref().map(|key| format!("once by {key}"));
        let notes = of_servers
            .into_iter()
            .chain(also)
            .chain(at_once)
            .chain(once);
        let notes: Vec<String> = notes.collect();
        match notes.as_slice() {
            [] => self.meta.event.to_owned(),
            notes => format!("{} ({})", self.meta.event, notes.join(", ")),
        }
    }

    fn cells(&self) -> [String; 5] {
        let arguments: Vec<String> = self
            .arguments
            .iter()
            .map(|(name, type_name)| format!("{name}: {}", short(type_name)))
            .collect();
        [
            self.namespace.clone(),
            self.event_cell(),
            format!(
                "{}({}) -> {}",
                self.meta.name,
                arguments.join(", "),
                short(self.answer)
            ),
            format!("{}:{}", self.meta.file, self.meta.line),
            self.middleware
                .iter()
                .map(|name| short(name))
                .collect::<Vec<_>>()
                .join(" > "),
        ]
    }
}

/// `app::chat::Message` without its path; inside brackets as well.
fn short(type_name: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for letter in type_name.chars() {
        match letter {
            ':' => word.clear(),
            letter if letter.is_alphanumeric() || letter == '_' => word.push(letter),
            other => {
                out.push_str(&word);
                word.clear();
                out.push(other);
            }
        }
    }
    out.push_str(&word);
    out
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const HEADINGS: [&str; 5] = ["namespace", "event", "handler", "location", "middleware"];
        let rows: Vec<[String; 5]> = std::iter::once(HEADINGS.map(str::to_owned))
            .chain(self.rows.iter().map(Row::cells))
            .collect();
        let width = |column: usize| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2), width(3)];
        for [namespace, event, handler, location, middleware] in &rows {
            let [a, b, c, d] = widths;
            let line =
                format!("{namespace:a$}  {event:b$}  {handler:c$}  {location:d$}  {middleware}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
