//! Dates as JavaScript writes them.

const DAY: i64 = 86_400_000;

/// What `JSON.stringify` writes for a `Date` of so many milliseconds since 1970: ISO 8601 with milliseconds. `None` for an
/// invalid one, of which it makes `null`.
pub(super) fn iso_date(milliseconds: f64) -> Option<String> {
    const LARGEST: f64 = 8.64e15;
    if milliseconds.is_nan() || milliseconds.abs() > LARGEST {
        return None;
    }
    // The bound makes the cast exact but for the fraction, which JavaScript cuts off too.
    let at = milliseconds as i64;
    let (year, month, day) = civil(at.div_euclid(DAY));
    let time = time_of_day(at);
    let milli = at.rem_euclid(1_000);
    let year = match year {
        0..10_000 => format!("{year:04}"),
        _ => format!("{year:+07}"),
    };
    Some(format!("{year}-{month:02}-{day:02}T{time}.{milli:03}Z"))
}

/// What `Date.prototype.toString` writes where the time zone is UTC, which is the `time` of Node's handshakes.
#[cfg(any(test, feature = "redis"))]
pub(crate) fn date_text(milliseconds: u64) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    // Clamped to the year 9999.
    let at = milliseconds.min(253_402_300_799_999).cast_signed();
    let days = at.div_euclid(DAY);
    let (year, month, day) = civil(days);
    let weekday = WEEKDAYS.iter().cycle().nth((days % 7) as usize);
    let month = MONTHS.get(month as usize - 1);
    let (Some(weekday), Some(month)) = (weekday, month) else {
        return String::new();
    };
    let time = time_of_day(at);
    format!("{weekday} {month} {day:02} {year} {time} GMT+0000 (Coordinated Universal Time)")
}

fn time_of_day(at: i64) -> String {
    let seconds = at.rem_euclid(DAY) / 1_000;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}")
}

/// Year, month and day of a day since 1970, by the Gregorian calendar: the algorithm of Howard Hinnant's `civil_from_days`,
/// which counts from the 1st of March of the year 0, in eras of 400 years.
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_javascript() {
        // Computed with Node: `new Date(n).toJSON()`.
        for (milliseconds, text) in [
            (0.0, "1970-01-01T00:00:00.000Z"),
            (1_700_000_000_000.0, "2023-11-14T22:13:20.000Z"),
            (1_700_000_000_123.9, "2023-11-14T22:13:20.123Z"),
            (-1.0, "1969-12-31T23:59:59.999Z"),
            (-0.5, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000.0, "2000-02-29T00:00:00.000Z"),
            (253_402_300_800_000.0, "+010000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001.0, "-000001-12-31T23:59:59.999Z"),
            (-62_167_219_200_000.0, "0000-01-01T00:00:00.000Z"),
            (8.64e15, "+275760-09-13T00:00:00.000Z"),
            (-8.64e15, "-271821-04-20T00:00:00.000Z"),
        ] {
            assert_eq!(iso_date(milliseconds).as_deref(), Some(text));
        }
        assert_eq!(iso_date(8.64e15 + 1.0), None);
        assert_eq!(iso_date(f64::NAN), None);
        // `String(new Date(n))` with TZ=UTC.
        for (milliseconds, text) in [
            (
                0,
                "Thu Jan 01 1970 00:00:00 GMT+0000 (Coordinated Universal Time)",
            ),
            (
                1_700_000_000_123,
                "Tue Nov 14 2023 22:13:20 GMT+0000 (Coordinated Universal Time)",
            ),
            (
                u64::MAX,
                "Fri Dec 31 9999 23:59:59 GMT+0000 (Coordinated Universal Time)",
            ),
        ] {
            assert_eq!(date_text(milliseconds), text);
        }
    }
}
