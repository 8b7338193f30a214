//! Scripts: lines from a file or a pipe, one after the other, up to the first that goes wrong.

use std::io::{self, BufRead, Read, Write};

use crate::console::{Console, LINE_BYTES_MAX, Reply};
use crate::exit::ExitStatus;

/// How to run a script.
///
/// ```no_run
/// # fn run(console: &mut smsexec_console::Console<'_>) -> std::io::Result<()> {
/// use smsexec_console::Script;
///
/// let lines = "mode offline\nrestart SMS_DMP_DOWNLOADER\n".as_bytes();
/// let script = Script { name: "offline.txt".into(), ..Script::default() };
/// let status = script.run(console, lines, &mut std::io::stdout(), &mut std::io::stderr())?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// What problems are told under: a file's name, or "stdin".
    pub name: String,
    /// Write each line to standard output before it is done.
    pub echo: bool,
    /// Go on after a line that went wrong.
    pub keep_going: bool,
}

/// A line, or why it is none.
enum Line {
    End,
    Text(String),
    Bad(String),
}

impl Script {
    /// Does each line of `input`. The status is that of the line that ended the script; the
    /// worst if it kept going; 0 if it came to its end, or 3 if its last line is a query that
    /// found something not running. Where the executive has ended for good by then, it is 20 or
    /// 21 ([`ExitStatus::GAVE_UP`], [`ExitStatus::ZOMBIES_LEFT`]).
    ///
    /// # Errors
    /// `input` could not be read, or one of the outputs not be written.
    pub fn run(
        &self,
        console: &mut Console<'_>,
        input: impl BufRead,
        out: &mut dyn Write,
        problems: &mut dyn Write,
    ) -> io::Result<ExitStatus> {
        let status = self.do_lines(console, input, out, problems)?;
        Ok(console.at_the_end(status))
    }

    fn do_lines(
        &self,
        console: &mut Console<'_>,
        mut input: impl BufRead,
        out: &mut dyn Write,
        problems: &mut dyn Write,
    ) -> io::Result<ExitStatus> {
        let mut worst = ExitStatus::DONE;
        let mut last = ExitStatus::DONE;
        for number in 1_u64.. {
            if console.options.interrupt.take() {
                return Ok(ExitStatus::INTERRUPTED);
            }
            let reply = match read_line(&mut input, number == 1)? {
                Line::End => break,
                Line::Bad(problem) => Reply::fail(ExitStatus::USAGE, problem),
                Line::Text(line) => {
                    self.echo(&line, out)?;
                    // What says nothing is not the last line either.
                    if says_nothing(&line) {
                        continue;
                    }
                    console.exec(&line)
                }
            };
            self.tell(&reply, number, out, problems)?;
            last = reply.status;
            if !reply.status.lets_a_script_go_on() {
                worst = worst.worst(reply.status);
                if !self.keep_going || reply.status == ExitStatus::INTERRUPTED {
                    return Ok(reply.status);
                }
            }
            if reply.quit {
                break;
            }
        }
        // A query in the middle has been read by whoever wrote the script; that of the last
        // line is its answer. What went wrong before it (keep_going) is in `worst` already.
        Ok(worst.worst(last))
    }

    fn echo(&self, line: &str, out: &mut dyn Write) -> io::Result<()> {
        if self.echo {
            writeln!(out, "> {}", crate::plain::cell(line))?;
        }
        Ok(())
    }

    fn tell(
        &self,
        reply: &Reply,
        number: u64,
        out: &mut dyn Write,
        problems: &mut dyn Write,
    ) -> io::Result<()> {
        out.write_all(reply.text.as_bytes())?;
        out.flush()?;
        for problem in reply.problems.lines() {
            writeln!(problems, "{}:{number}: {problem}", self.name)?;
        }
        problems.flush()
    }
}

/// An empty line, or a comment.
fn says_nothing(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

/// The next line without its end. Of a line that is too long no more is kept than the limit:
/// a pipe that never breaks a line must not fill the memory.
fn read_line(input: &mut impl BufRead, is_first: bool) -> io::Result<Line> {
    let mut bytes = Vec::new();
    // Room for the line's end, and a byte that shows that it was too long.
    let limit = LINE_BYTES_MAX as u64 + 3;
    if input.by_ref().take(limit).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(Line::End);
    }
    let ended = bytes.ends_with(b"\n");
    while bytes.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        bytes.pop();
    }
    if bytes.len() > LINE_BYTES_MAX {
        if !ended {
            skip_line(input)?;
        }
        return Ok(Line::Bad(format!("a line has {LINE_BYTES_MAX} bytes at most")));
    }
    match String::from_utf8(bytes) {
        Err(_) => Ok(Line::Bad("the line is not UTF-8".to_owned())),
        // Notepad's mark in front of a file is no part of its first verb.
        Ok(text) if is_first => Ok(Line::Text(text.trim_start_matches('\u{feff}').to_owned())),
        Ok(text) => Ok(Line::Text(text)),
    }
}

fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let chunk = input.fill_buf()?;
        let Some(end) = chunk.iter().position(|byte| *byte == b'\n') else {
            let length = chunk.len();
            if length == 0 {
                return Ok(());
            }
            input.consume(length);
            continue;
        };
        input.consume(end + 1);
        return Ok(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Options;
    use crate::fake::FakeHost;

    struct Ran {
        out: String,
        problems: String,
        status: u8,
    }

    fn run(script: Script, input: &[u8]) -> Ran {
        let mut host = FakeHost::site();
        let mut console = Console::new(&mut host, Options::default());
        let (mut out, mut problems) = (Vec::new(), Vec::new());
        let script = Script { name: "test.txt".into(), ..script };
        let status = script.run(&mut console, input, &mut out, &mut problems).unwrap();
        Ran {
            out: String::from_utf8(out).unwrap(),
            problems: String::from_utf8(problems).unwrap(),
            status: status.number(),
        }
    }

    #[test]
    fn a_script_stops_at_the_first_line_that_goes_wrong() {
        let ran = run(Script::default(), b"# start\n\necho one\nstpo x\necho two\n");
        assert_eq!(ran.out, "one\n");
        assert_eq!(ran.problems, "test.txt:4: unknown verb \"stpo\"; did you mean stop?\n");
        assert_eq!(ran.status, 2);
    }

    #[test]
    fn a_query_that_finds_something_stopped_lets_it_go_on() {
        let ran = run(Script::default(), b"stop dmp_uploader\nquery dmp_uploader\necho on\n");
        assert!(ran.out.ends_with("on\n"), "{}", ran.out);
        assert_eq!((ran.status, ran.problems.as_str()), (0, ""));
    }

    #[test]
    fn a_query_that_ends_it_is_its_answer() {
        let kept = Script { keep_going: true, ..Script::default() };
        for (script, lines, status) in [
            (Script::default(), "stop dmp_uploader\nquery dmp_uploader", 3),
            (Script::default(), "stop dmp_uploader\nquery dmp_uploader\n\n  # the end\n", 3),
            (Script::default(), "exec stop\nexec query\n", 3),
            (Script::default(), "stop dmp_uploader\nquery all\nquery dmp_downloader\n", 0),
            (Script::default(), "stop dmp_uploader\nquery all\nexit\n", 0),
            (Script::default(), "stop dmp_uploader\nexpect Stopped query dmp_uploader\n", 0),
            (kept.clone(), "stop dmp_uploader\nquery all\nstpo\necho on\n", 2),
            (kept.clone(), "stop dmp_uploader\nstpo\nquery dmp_uploader\n", 3),
            (kept, "stop dmp_uploader\nstop nobody\nquery dmp_uploader\n", 4),
        ] {
            assert_eq!(run(script, lines.as_bytes()).status, status, "{lines}");
        }
    }

    #[test]
    fn an_executive_that_has_ended_for_good_gives_the_status() {
        for (lines, exit_status, status) in [
            ("exec query", Some(20), 20),
            ("exec query", Some(21), 21),
            ("exec stop", Some(0), 0),
            ("echo on", None, 0),
            // Of a host that is newer than this console: not known, so not believed.
            ("echo on", Some(22), 0),
            ("stpo", Some(20), 20),
            ("exit", Some(21), 21),
        ] {
            let mut host = FakeHost::site();
            host.service_says.exit_status = exit_status;
            let mut console = Console::new(&mut host, Options::default());
            let mut nowhere = io::sink();
            let script = Script::default();
            let ran = script.run(&mut console, lines.as_bytes(), &mut nowhere, &mut io::sink());
            assert_eq!(ran.unwrap().number(), status, "{lines}, {exit_status:?}");
        }
        // An interrupt is the caller's own doing, and worse.
        let mut host = FakeHost::site();
        host.service_says.exit_status = Some(20);
        let mut console = Console::new(&mut host, Options::default());
        console.options.interrupt.raise();
        let ran = Script::default().run(&mut console, &b""[..], &mut io::sink(), &mut io::sink());
        assert_eq!(ran.unwrap(), ExitStatus::INTERRUPTED);
    }

    #[test]
    fn keep_going_does_every_line_and_keeps_the_worst_status() {
        let script = Script { keep_going: true, ..Script::default() };
        let ran = run(script, b"stop nobody\nstpo\necho end");
        assert_eq!(ran.out, "end\n");
        assert_eq!(ran.problems.lines().count(), 2);
        assert_eq!(ran.status, 4);
    }

    #[test]
    fn exit_ends_it_and_echo_shows_the_lines() {
        let script = Script { echo: true, ..Script::default() };
        let ran = run(script, b"\xef\xbb\xbfecho one\r\nexit\r\necho two\r\n");
        assert_eq!(ran.out, "> echo one\none\n> exit\n");
        assert_eq!(ran.status, 0);
    }

    #[test]
    fn lines_that_are_too_long_or_no_text_are_bad_input() {
        let long = [b"echo ".as_slice(), &vec![b'x'; 3 * LINE_BYTES_MAX], b"\necho on\n"].concat();
        let script = Script { keep_going: true, ..Script::default() };
        let ran = run(script.clone(), &long);
        assert_eq!(ran.out, "on\n");
        assert_eq!(ran.problems, "test.txt:1: a line has 65536 bytes at most\n");
        assert_eq!(ran.status, 2);

        let ran = run(script, b"echo \xff\necho on\n");
        assert_eq!(ran.out, "on\n");
        assert_eq!(ran.problems, "test.txt:1: the line is not UTF-8\n");

        let longest = [b"echo ".as_slice(), &vec![b'x'; LINE_BYTES_MAX - 5], b"\r\n"].concat();
        assert_eq!(run(Script::default(), &longest).status, 0);
    }

    #[test]
    fn an_interrupt_ends_it_with_130() {
        let mut host = FakeHost::site();
        let mut console = Console::new(&mut host, Options::default());
        console.options.interrupt.raise();
        let mut nowhere = io::sink();
        let status =
            Script::default().run(&mut console, &b"echo one\n"[..], &mut nowhere, &mut io::sink());
        assert_eq!(status.unwrap(), ExitStatus::INTERRUPTED);
    }
}
