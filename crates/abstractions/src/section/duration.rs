//! How long something lasts, as configurations write it.

use std::time::Duration;

/// Seconds (`30`, `2.5`), or .NET's form `[d.]hh:mm[:ss[.fffffff]]`. Nothing and more than a day
/// are slips: nobody waits so long.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let seconds = match text.split_once(':') {
        None => text.parse::<f64>().ok()?,
        Some((hours, rest)) => {
            let (days, hours) = hours.split_once('.').unwrap_or(("0", hours));
            let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "0"));
            let within = |text: &str, most: u32| {
                text.parse::<u32>().ok().filter(|value| *value <= most).map(f64::from)
            };
            let seconds = seconds.parse::<f64>().ok().filter(|seconds| (0.0..60.0).contains(seconds))?;
            within(days, 1)? * 86_400.0 + within(hours, 23)? * 3_600.0 + within(minutes, 59)? * 60.0 + seconds
        }
    };
    if seconds <= 0.0 || seconds > 86_400.0 {
        return None;
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_or_the_form_of_dotnet() {
        let check = |text: &str, expected: Option<f64>| {
            assert_eq!(parse(text), expected.map(Duration::from_secs_f64), "{text}");
        };
        check("30", Some(30.0));
        check("2.5", Some(2.5));
        check("00:00:30", Some(30.0));
        check("00:01:30.5", Some(90.5));
        check("01:30", Some(5400.0));
        check("1.00:00:00", Some(86_400.0));
        for hostile in [
            "",
            "0",
            "-1",
            "00:00:00",
            "00:60:00",
            "24:00:00",
            "1e9",
            "NaN",
            "inf",
            "30 s",
            "1:2:3:4",
            "-00:00:00.0010000",
        ] {
            check(hostile, None);
        }
    }
}
