//! Random JSON texts, the same on every run.

/// A seeded generator of numbers and texts.
pub(super) struct Random(fastrand::Rng);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(fastrand::Rng::with_seed(seed))
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0.usize(..limit)
    }

    pub(super) fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        self.0.choice(of).unwrap()
    }

    /// A JSON value as text, with everything that the grammar allows.
    pub(super) fn json(&mut self, depth: usize) -> String {
        const SCALARS: [&str; 18] = [
            "null",
            "true",
            "false",
            "0",
            "-0",
            "12",
            "1.50",
            "-1e9",
            "3E+2",
            "1e400",
            r#""""#,
            r#""plain""#,
            r#""é€😀""#,
            r#""\"\\\/\b\f\n\r\t""#,
            r#""\u00e9\ud83d\ude00""#,
            r#""\ud800""#,
            r#""[{,:}]""#,
            r#""_placeholder""#,
        ];
        const KEYS: [&str; 6] = ["a", "", "num", "é", r"\u0061", r"\n\\"];
        const SPACES: [&str; 5] = ["", "", "", " ", "\n\t \r"];
        let kind = if depth == 0 { 0 } else { self.below(4) };
        let count = self.below(4);
        let mut items = Vec::new();
        for _ in 0..count {
            let (before, behind) = (*self.one(&SPACES), *self.one(&SPACES));
            let key = *self.one(&KEYS);
            items.push(match kind {
                2 => format!("{before}{}{behind}", self.json(depth - 1)),
                3 => format!(
                    "{before}\"{key}\"{behind}:{before}{}{behind}",
                    self.json(depth - 1)
                ),
                _ => continue,
            });
        }
        match kind {
            2 => format!("[{}]", items.join(",")),
            3 => format!("{{{}}}", items.join(",")),
            _ => (*self.one(&SCALARS)).to_owned(),
        }
    }

    /// Changes a few bytes of a text so that it stays ASCII-compatible text.
    pub(super) fn spoil(&mut self, text: &str) -> String {
        const BYTES: &[u8] = b"[]{},:\"\\0123456789-+.eEu trnfals/\x01\x1e\n_";
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len() + 1);
            match self.below(4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, *self.one(BYTES)),
                2 if at < bytes.len() => bytes[at] = *self.one(BYTES),
                _ if at < bytes.len() => drop(bytes.remove(at)),
                _ => {}
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
