//! Clients in one namespace, spread over a hundred, and each in all of a hundred.

use std::collections::VecDeque;

use super::{Pair, Scale, median, report::Report};
use crate::{
    crowd::Crowd,
    failure::Failure,
    frames::{FIRST, Frame, TEXT, Template},
    rows::pace::QUIET,
    servers::Server,
};

const CONNECTIONS: usize = 100;
/// Messages under way on each connection, in as many namespaces as there are.
const WINDOW: u64 = 16;

pub(super) fn measure(scale: &Scale<'_>, report: &mut Report) -> Result<(), Failure> {
    let mut steps = Vec::new();
    for &namespaces in scale.sizes.namespaces {
        let (cost, _) = echoes(scale, namespaces, 1)?;
        let what = format!("an echo, the clients spread over {namespaces} namespaces");
        steps.push((what, cost));
    }
    report.series("µs CPU", steps);
    // That is a hundred times as many sockets, for which the floor has no like.
    let most = *scale.sizes.namespaces.last().unwrap_or(&1);
    let (cost, memory) = echoes(scale, most, most)?;
    let what = format!("an echo, each client in {most} namespaces");
    report.note(what, "µs CPU", cost);
    let what = "a namespace that a client is in".to_owned();
    report.note(what, "KiB", memory);
    Ok(())
}

/// What an echo costs, and the memory of a socket, with each client in some of the namespaces.
fn echoes(scale: &Scale<'_>, namespaces: usize, of_each: usize) -> Result<(Pair, Pair), Failure> {
    let arguments = ["--namespaces".to_owned(), namespaces.to_string()];
    let (mut costs, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..scale.options.repetitions() {
        scale.koio("namespaces", scale.cores, &arguments, |server| {
            let mut echo = Echo::open(server, namespaces)?;
            let before = server.memory()?.rss;
            echo.connect(of_each)?;
            memory.push((server.memory()?.rss - before) / (CONNECTIONS * of_each) as f64);
            echo.start()?;
            let measured = scale.options.pace().measure(server, |_| echo.turn())?;
            costs.push(measured.cost);
            echo.stop()
        })?;
    }
    let pair = |figures: Vec<f64>| Pair {
        koio: median(figures.into_iter()),
        floor: None,
    };
    Ok((pair(costs), pair(memory)))
}

/// Echoes that go round the namespaces of each client.
struct Echo {
    crowd: Crowd,
    /// A request and its answer for each namespace.
    templates: Vec<(Template, Template)>,
    /// Client `i` is in so many namespaces from number `i` on.
    of_each: usize,
    /// For each connection the numbers under way.
    under_way: Vec<VecDeque<u64>>,
    next: Vec<u64>,
    answered: u64,
    stopping: bool,
}

impl Echo {
    fn open(server: &Server, namespaces: usize) -> Result<Self, Failure> {
        let mut crowd = Crowd::new(server)?;
        crowd.open(CONNECTIONS)?;
        let text = "x".repeat(24);
        let templates = |number| {
            let request = format!(r##"42/{number:02},#["echo","#{text}"]"##);
            let answer = format!(r##"43/{number:02},#["#{text}"]"##);
            (Template::text(&request), Template::plain(&answer))
        };
        Ok(Self {
            crowd,
            templates: (0..namespaces).map(templates).collect(),
            of_each: 0,
            under_way: vec![VecDeque::new(); CONNECTIONS],
            next: vec![FIRST; CONNECTIONS],
            answered: 0,
            stopping: false,
        })
    }

    fn connect(&mut self, of_each: usize) -> Result<(), Failure> {
        self.of_each = of_each;
        for index in 0..CONNECTIONS {
            for number in 0..of_each {
                let namespace = (index + number) % self.templates.len();
                connect(&mut self.crowd, index, namespace)?;
            }
        }
        Ok(())
    }

    fn start(&mut self) -> Result<(), Failure> {
        for index in 0..CONNECTIONS {
            let mut out = Vec::new();
            for _ in 0..WINDOW {
                let number = self.next[index];
                self.next[index] += 1;
                self.under_way[index].push_back(number);
                let place = place(index, number, self.of_each, self.templates.len());
                out.extend_from_slice(self.templates[place].0.with(number));
            }
            self.crowd.send(index, &out)?;
        }
        Ok(())
    }

    fn turn(&mut self) -> Result<u64, Failure> {
        let Self {
            crowd,
            templates,
            of_each,
            under_way,
            next,
            answered,
            stopping,
        } = self;
        crowd.turn(&mut |index, frame, _, out| {
            let count = templates.len();
            let place = |number| place(index, number, *of_each, count);
            take(templates, &mut under_way[index], frame, place)?;
            *answered += 1;
            if !*stopping {
                let number = next[index];
                next[index] += 1;
                under_way[index].push_back(number);
                out.extend_from_slice(templates[place(number)].0.with(number));
            }
            Ok(())
        })?;
        Ok(self.answered)
    }

    fn stop(&mut self) -> Result<(), Failure> {
        self.stopping = true;
        while self.under_way.iter().any(|numbers| !numbers.is_empty()) {
            self.turn()?;
        }
        self.crowd.stay_quiet(QUIET)
    }
}

/// The namespace that a client's message with this number goes to.
fn place(index: usize, number: u64, of_each: usize, namespaces: usize) -> usize {
    (index + number as usize % of_each) % namespaces
}

/// An answer must be the next one of its namespace. Between two namespaces there is no order.
fn take(
    templates: &mut [(Template, Template)],
    under_way: &mut VecDeque<u64>,
    frame: Frame<'_>,
    place: impl Fn(u64) -> usize,
) -> Result<(), Failure> {
    let mut answers = |number: u64| {
        let answer = templates[place(number)].1.with(number);
        frame.opcode == TEXT && frame.payload == answer
    };
    let found = under_way.iter().position(|number| answers(*number));
    let is_next = |at: usize| {
        let namespace = place(under_way[at]);
        let mut earlier = under_way.iter().take(at);
        !earlier.any(|number| place(*number) == namespace)
    };
    match found.filter(|at| is_next(*at)) {
        Some(at) => {
            under_way.remove(at);
            Ok(())
        }
        None => Err(Failure::unexpected(frame.payload, b"the next echo")),
    }
}

fn connect(crowd: &mut Crowd, index: usize, namespace: usize) -> Result<(), Failure> {
    crowd.send(
        index,
        Template::text(&format!("40/{namespace:02},")).with(0),
    )?;
    let expected = format!("40/{namespace:02},{{");
    let mut connected = false;
    while !connected {
        crowd.turn(&mut |from, frame, _, _| {
            if from != index || !frame.payload.starts_with(expected.as_bytes()) {
                return Err(Failure::unexpected(frame.payload, expected.as_bytes()));
            }
            connected = true;
            Ok(())
        })?;
    }
    Ok(())
}
