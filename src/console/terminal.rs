//! The prompt: a person at a terminal. Line editing, history, completion and hints are
//! reedline's; what a line does is the console's, as everywhere.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use reedline::{
    ColumnarMenu, Completer, CompletionResult, DefaultHinter, Emacs, FileBackedHistory, KeyCode,
    KeyModifiers, MenuBuilder, Prompt, PromptEditMode, PromptHistorySearch,
    PromptHistorySearchStatus, Reedline, ReedlineEvent, ReedlineMenu, Signal, Span, Suggestion,
    default_emacs_keybindings,
};

use crate::completion::{Candidate, Names};
use crate::console::{Console, Interrupt, Reply};
use crate::exit::ExitStatus;

const MENU: &str = "completion";
const HISTORY_LINES: usize = 1000;

/// A person's terminal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Terminal {
    /// The code of the site: the prompt.
    pub site_code: String,
    /// Where lines are remembered from one session to the next; nowhere if none.
    pub history: Option<PathBuf>,
}

impl Terminal {
    /// Shows how components are, then does line after line until the person leaves. Ctrl-C
    /// clears the line, or ends the verb that runs; a second one during the same verb ends the
    /// process. Ctrl-D leaves. The status is that of the last line; 20 or 21 where the executive
    /// has ended for good ([`ExitStatus::GAVE_UP`], [`ExitStatus::ZOMBIES_LEFT`]).
    ///
    /// # Errors
    /// The terminal could not be read or written. A history that cannot be kept is told and
    /// done without.
    pub fn run(&self, console: &mut Console<'_>) -> io::Result<ExitStatus> {
        let status = self.do_lines(console)?;
        Ok(console.at_the_end(status))
    }

    fn do_lines(&self, console: &mut Console<'_>) -> io::Result<ExitStatus> {
        let names = Arc::new(Mutex::new(Names::default()));
        let mut editor = self.editor(&names);
        let mut is_kept = self.history.is_some();
        let signals = Signals::catch(&console.options.interrupt);
        let prompt = SitePrompt { text: prompt_text(&self.site_code) };
        show(&exec(console, "query"))?;
        let mut status = ExitStatus::DONE;
        loop {
            // The editor holds the line from here on: it completes from this copy.
            *names.lock().unwrap_or_else(PoisonError::into_inner) = Names::from_console(console);
            match editor.read_line(&prompt).map_err(io::Error::other)? {
                Signal::Success(line) => {
                    // Before the verb: one that ends the process is a line to remember too.
                    if let (true, Err(error)) = (is_kept, editor.sync_history()) {
                        eprintln!("the history cannot be kept: {error}");
                        is_kept = false;
                    }
                    signals.begin();
                    let reply = exec(console, &line);
                    show(&reply)?;
                    status = reply.status;
                    if reply.quit {
                        return Ok(status);
                    }
                }
                Signal::CtrlD => return Ok(status),
                // Ctrl-C: the line is gone, the person stays.
                _ => {}
            }
        }
    }

    fn editor(&self, names: &Arc<Mutex<Names>>) -> Reedline {
        let mut keys = default_emacs_keybindings();
        keys.add_binding(
            KeyModifiers::NONE,
            KeyCode::Tab,
            ReedlineEvent::UntilFound(vec![
                ReedlineEvent::Menu(MENU.to_owned()),
                ReedlineEvent::MenuNext,
            ]),
        );
        let editor = Reedline::create()
            .with_completer(Box::new(NamesCompleter(Arc::clone(names))))
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(
                ColumnarMenu::default().with_name(MENU),
            )))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_hinter(Box::new(DefaultHinter::default()))
            .with_ansi_colors(wants_colour())
            .with_edit_mode(Box::new(Emacs::new(keys)));
        match &self.history {
            None => editor,
            Some(path) => match FileBackedHistory::with_file(HISTORY_LINES, path.clone()) {
                Ok(history) => editor.with_history(Box::new(history)),
                Err(error) => {
                    eprintln!("no history in {}: {error}", path.display());
                    editor
                }
            },
        }
    }
}

/// Ctrl-C while a verb runs. At the prompt the editor reads it as a key; while a verb runs the
/// terminal makes a signal of it.
struct Signals {
    interrupt: Interrupt,
    /// Whether the next one ends the process: somebody has asked once, or nobody looks any more.
    is_last: Arc<AtomicBool>,
}

impl Signals {
    /// Raises `interrupt` on a signal from now on. Where that cannot be, a signal ends the
    /// process as ever, and the person is told.
    fn catch(interrupt: &Interrupt) -> Signals {
        use signal_hook::{consts::SIGINT, flag};
        let status = i32::from(ExitStatus::INTERRUPTED.number());
        let is_last = Arc::new(AtomicBool::new(false));
        // In this order: the first signal only arms the second.
        let caught = flag::register_conditional_shutdown(SIGINT, status, Arc::clone(&is_last))
            .and_then(|_| flag::register(SIGINT, Arc::clone(&is_last)))
            .and_then(|_| flag::register(SIGINT, interrupt.flag()));
        if let Err(error) = caught {
            eprintln!("Ctrl-C while a verb runs ends the process: {error}");
        }
        Signals { interrupt: interrupt.clone(), is_last }
    }

    /// A verb begins: what came before was not meant for it.
    fn begin(&self) {
        self.is_last.store(false, Ordering::SeqCst);
        self.interrupt.take();
    }
}

impl Drop for Signals {
    /// The prompt is gone and nobody looks at the flag: Ctrl-C ends the process again.
    fn drop(&mut self) {
        self.is_last.store(true, Ordering::SeqCst);
    }
}

/// The terminal may have another width than at the line before.
fn exec(console: &mut Console<'_>, line: &str) -> Reply {
    let size = crossterm::terminal::size().ok();
    // A terminal that does not know its width says 0.
    console.set_width(size.map(|(columns, _)| columns).filter(|columns| *columns > 0));
    console.exec(line)
}

fn show(reply: &Reply) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(reply.text.as_bytes())?;
    out.flush()?;
    io::stderr().lock().write_all(reply.problems.as_bytes())
}

/// As no-color.org has it: set and not empty means none.
fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn prompt_text(site_code: &str) -> String {
    let code = crate::plain::cell(site_code);
    if code.is_empty() { "> ".to_owned() } else { format!("{code}> ") }
}

struct SitePrompt {
    text: String,
}

impl Prompt for SitePrompt {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.text)
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Borrowed("... ")
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let found = match search.status {
            PromptHistorySearchStatus::Passing => "",
            PromptHistorySearchStatus::Failing => "no ",
        };
        Cow::Owned(format!("({found}line with {}) ", search.term))
    }
}

/// Completes from the copy that was taken when the prompt was shown.
struct NamesCompleter(Arc<Mutex<Names>>);

impl Completer for NamesCompleter {
    fn complete(&mut self, line: &str, position: usize) -> CompletionResult {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, candidates) = names.complete(line, position);
        let span = Span::new(start.min(position), position);
        let suggestions: Vec<Suggestion> =
            candidates.into_iter().map(|candidate| suggestion(candidate, span)).collect();
        CompletionResult::fresh(suggestions)
    }
}

fn suggestion(candidate: Candidate, span: Span) -> Suggestion {
    Suggestion {
        value: candidate.value,
        description: (!candidate.about.is_empty()).then_some(candidate.about),
        span,
        append_whitespace: true,
        ..Suggestion::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::FakeHost;

    #[test]
    fn the_prompt_is_the_site_code_and_nothing_a_terminal_acts_on() {
        assert_eq!(prompt_text("PS1"), "PS1> ");
        assert_eq!(prompt_text("P\u{1b}[31mS1"), "PS1> ");
        assert_eq!(prompt_text(""), "> ");
    }

    #[test]
    #[cfg(unix)]
    fn a_signal_ends_the_verb_and_not_the_process() {
        let mut host = FakeHost::site();
        host.live = true;
        let mut console = Console::new(&mut host, crate::Options::default());
        let signals = Signals::catch(&console.options.interrupt);
        signals.begin();
        signal_hook::low_level::raise(signal_hook::consts::SIGINT).unwrap();
        assert!(signals.is_last.load(Ordering::SeqCst));
        let reply = console.exec("wait dmp_downloader Stopped --within 100d");
        assert_eq!(reply.status, ExitStatus::INTERRUPTED, "{}", reply.problems);
        // The next verb knows nothing of it.
        signals.begin();
        assert!(!signals.is_last.load(Ordering::SeqCst));
        assert_eq!(console.exec("wait dmp_downloader Running").status, ExitStatus::DONE);
    }

    #[test]
    fn completion_replaces_the_word_and_shows_the_state() {
        let names = Names::of(&mut FakeHost::site());
        let mut completer = NamesCompleter(Arc::new(Mutex::new(names)));
        let result = completer.complete("stop distr", 10);
        let [suggestion] = result.suggestions() else { panic!("{result:?}") };
        assert_eq!(suggestion.value, "SMS_DISTRIBUTION_MANAGER");
        assert_eq!(suggestion.description.as_deref(), Some("Running"));
        assert_eq!((suggestion.span.start, suggestion.span.end), (5, 10));
    }
}
