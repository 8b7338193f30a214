//! The lifecycle as two total tables (lifecycle.md 1, 2.2, 2.3).
//!
//! [`rule`] answers what a command means in a situation, [`next`] where an event leads from a
//! state. Neither has a default arm, so a new word does not compile until every cell is decided.

#![doc = include_str!("lifecycle.md")]

use contract::lifecycle::{Code, Command, State, Substate};

/// A row of the command table: the state, with the two kinds of Stopped that answer differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Situation {
    /// Stopped for any reason but the next two.
    Stopped,
    /// Stopped, and a restart is due at a set time.
    Backoff,
    /// Stopped, its restart budget spent.
    Failed,
    /// See [`State::StartPending`].
    StartPending,
    /// See [`State::Running`].
    Running,
    /// See [`State::PausePending`].
    PausePending,
    /// See [`State::Paused`].
    Paused,
    /// See [`State::ContinuePending`].
    ContinuePending,
    /// See [`State::StopPending`].
    StopPending,
}

impl Situation {
    /// Every row, in the order of lifecycle.md 2.3.
    pub const ALL: [Situation; 9] = [
        Situation::Stopped,
        Situation::Backoff,
        Situation::Failed,
        Situation::StartPending,
        Situation::Running,
        Situation::PausePending,
        Situation::Paused,
        Situation::ContinuePending,
        Situation::StopPending,
    ];

    /// The row for a component in `state`, for `substate` when it is Stopped.
    pub fn of(state: State, substate: Substate) -> Self {
        match (state, substate) {
            (State::Stopped, Substate::Backoff { .. }) => Situation::Backoff,
            (State::Stopped, Substate::Failed) => Situation::Failed,
            (State::Stopped, _) => Situation::Stopped,
            (State::StartPending, _) => Situation::StartPending,
            (State::Running, _) => Situation::Running,
            (State::PausePending, _) => Situation::PausePending,
            (State::Paused, _) => Situation::Paused,
            (State::ContinuePending, _) => Situation::ContinuePending,
            (State::StopPending, _) => Situation::StopPending,
        }
    }
}

/// What is done when a command is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Begin a new life.
    Start,
    /// End the life through its stop hook; with no life, cancel what would start one.
    Stop,
    /// Pause the life.
    Pause,
    /// Resume the life.
    Continue,
    /// Hand the control to the life.
    Control,
    /// Stop, and start when stopped.
    Restart,
    /// End the life at once.
    Kill,
    /// Empty budget and delay.
    Clear,
}

/// On what an answer depends beside the situation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Condition {
    /// The component declares that a stop can interrupt its start.
    CancellableStart,
    /// The component declares that it can be paused.
    Pausable,
    /// The component declares this control code, or reloads this setting.
    Declared,
}

/// A cell of the command table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// Accepted.
    Do(Action),
    /// Accepted where the condition holds, else refused with the code.
    DoIf(Condition, Action, Code),
    /// 0: it is so already.
    Nothing,
    /// The caller may wait for the operation under way; the code says how it was found.
    Join(Code),
    /// Not accepted.
    Refuse(Code),
}

/// What `command` means in `situation`: the table of lifecycle.md 2.3.
///
/// Codes that depend on more than the component's own state (1055, 1058, 1068, 1115) are the
/// [`Executive`](crate::Executive)'s and come before or after it.
pub const fn rule(situation: Situation, command: Command) -> Rule {
    use Condition::{CancellableStart, Declared, Pausable};
    use Rule::{Do, DoIf, Join, Nothing, Refuse};
    use Situation as S;

    match command {
        // It reads the status cell and never comes here; the cell is total all the same.
        Command::Query => Nothing,
        Command::Start => match situation {
            S::Stopped | S::Backoff | S::Failed => Do(Action::Start),
            S::StartPending => Join(Code::ALREADY_RUNNING),
            S::Running | S::PausePending | S::Paused | S::ContinuePending | S::StopPending => {
                Refuse(Code::ALREADY_RUNNING)
            }
        },
        Command::Stop => match situation {
            S::Stopped => Refuse(Code::NOT_ACTIVE),
            S::Backoff | S::Failed => Do(Action::Stop),
            S::StartPending => DoIf(CancellableStart, Action::Stop, Code::CANNOT_ACCEPT_CONTROL),
            S::Running | S::PausePending | S::Paused | S::ContinuePending => Do(Action::Stop),
            S::StopPending => Join(Code::CANNOT_ACCEPT_CONTROL),
        },
        Command::Pause => match situation {
            S::Stopped | S::Backoff | S::Failed => Refuse(Code::NOT_ACTIVE),
            S::StartPending | S::ContinuePending | S::StopPending => {
                Refuse(Code::CANNOT_ACCEPT_CONTROL)
            }
            S::Running => DoIf(Pausable, Action::Pause, Code::INVALID_CONTROL),
            S::PausePending => Join(Code::OK),
            S::Paused => Nothing,
        },
        Command::Continue => match situation {
            S::Stopped | S::Backoff | S::Failed => Refuse(Code::NOT_ACTIVE),
            S::StartPending | S::PausePending | S::StopPending => {
                Refuse(Code::CANNOT_ACCEPT_CONTROL)
            }
            S::Running => Nothing,
            S::Paused => Do(Action::Continue),
            S::ContinuePending => Join(Code::OK),
        },
        Command::Custom(_) | Command::ParamChange => match situation {
            S::Stopped | S::Backoff | S::Failed => Refuse(Code::NOT_ACTIVE),
            S::StartPending | S::StopPending => Refuse(Code::CANNOT_ACCEPT_CONTROL),
            S::Running | S::PausePending | S::Paused | S::ContinuePending => {
                DoIf(Declared, Action::Control, Code::INVALID_CONTROL)
            }
        },
        Command::Restart => match situation {
            S::Stopped | S::Backoff | S::Failed => Do(Action::Start),
            S::StartPending => Refuse(Code::CANNOT_ACCEPT_CONTROL),
            S::Running | S::PausePending | S::Paused | S::ContinuePending => Do(Action::Restart),
            S::StopPending => Refuse(Code::ALREADY_RUNNING),
        },
        Command::TryRestart => match situation {
            S::Stopped | S::Failed => Nothing,
            S::Backoff => Do(Action::Start),
            S::StartPending => Refuse(Code::CANNOT_ACCEPT_CONTROL),
            S::Running | S::PausePending | S::Paused | S::ContinuePending => Do(Action::Restart),
            S::StopPending => Refuse(Code::ALREADY_RUNNING),
        },
        Command::Kill => match situation {
            S::Stopped | S::Failed => Refuse(Code::NOT_ACTIVE),
            S::Backoff => Do(Action::Stop),
            S::StartPending
            | S::Running
            | S::PausePending
            | S::Paused
            | S::ContinuePending
            | S::StopPending => Do(Action::Kill),
        },
        Command::ResetFailed => match situation {
            S::Backoff | S::Failed => Do(Action::Clear),
            S::Stopped | S::Running | S::PausePending | S::Paused | S::ContinuePending => Nothing,
            S::StartPending | S::StopPending => Refuse(Code::NOT_ACTIVE),
        },
    }
}

/// What can happen to a component's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A start was ordered.
    StartOrdered,
    /// The start went well.
    Started,
    /// A pause was ordered.
    PauseOrdered,
    /// The pause went well.
    PauseDone,
    /// A resume was ordered.
    ContinueOrdered,
    /// The resume went well.
    ContinueDone,
    /// A stop was ordered.
    StopOrdered,
    /// The life is over, however it ended.
    Ended,
}

impl Event {
    /// One of each.
    pub const ALL: [Event; 8] = [
        Event::StartOrdered,
        Event::Started,
        Event::PauseOrdered,
        Event::PauseDone,
        Event::ContinueOrdered,
        Event::ContinueDone,
        Event::StopOrdered,
        Event::Ended,
    ];
}

/// Where `event` leads from `state`; `None` where it changes nothing: news of a step that a
/// later order has overtaken, or an order that [`rule`] never lets through.
pub const fn next(state: State, event: Event) -> Option<State> {
    use State as S;
    match event {
        Event::StartOrdered => match state {
            S::Stopped => Some(S::StartPending),
            S::StartPending | S::StopPending | S::Running => None,
            S::ContinuePending | S::PausePending | S::Paused => None,
        },
        Event::Started => match state {
            S::StartPending => Some(S::Running),
            // A stop was accepted while it started: it never becomes Running (case R01).
            S::StopPending => None,
            S::Stopped | S::Running | S::ContinuePending | S::PausePending | S::Paused => None,
        },
        Event::PauseOrdered => match state {
            S::Running => Some(S::PausePending),
            S::Stopped | S::StartPending | S::StopPending => None,
            S::ContinuePending | S::PausePending | S::Paused => None,
        },
        Event::PauseDone => match state {
            S::PausePending => Some(S::Paused),
            S::Stopped | S::StartPending | S::StopPending => None,
            S::Running | S::ContinuePending | S::Paused => None,
        },
        Event::ContinueOrdered => match state {
            S::Paused => Some(S::ContinuePending),
            S::Stopped | S::StartPending | S::StopPending => None,
            S::Running | S::ContinuePending | S::PausePending => None,
        },
        Event::ContinueDone => match state {
            S::ContinuePending => Some(S::Running),
            S::Stopped | S::StartPending | S::StopPending => None,
            S::Running | S::PausePending | S::Paused => None,
        },
        Event::StopOrdered => match state {
            S::StartPending | S::Running | S::ContinuePending => Some(S::StopPending),
            S::PausePending | S::Paused => Some(S::StopPending),
            S::Stopped | S::StopPending => None,
        },
        Event::Ended => match state {
            S::Stopped => None,
            S::StartPending | S::StopPending | S::Running => Some(S::Stopped),
            S::ContinuePending | S::PausePending | S::Paused => Some(S::Stopped),
        },
    }
}

/// The Service Control Manager's own list of valid transitions (lifecycle.md 1): what every
/// pair of [`next`] is held against.
pub const fn scm_allows(from: State, to: State) -> bool {
    use State as S;
    match from {
        S::Stopped => matches!(to, S::StartPending),
        S::StartPending => matches!(to, S::Running | S::Stopped | S::StopPending),
        S::Running => matches!(to, S::StopPending | S::Stopped | S::PausePending | S::Paused),
        S::PausePending => matches!(to, S::Paused | S::StopPending | S::Stopped),
        S::Paused => matches!(to, S::Running | S::ContinuePending | S::StopPending | S::Stopped),
        S::ContinuePending => matches!(to, S::Running | S::StopPending | S::Stopped),
        S::StopPending => matches!(to, S::Stopped),
    }
}

/// The command table as Markdown, for the documentation. A test holds `lifecycle.md` beside
/// this file against it.
pub fn table_markdown() -> String {
    let mut text = String::from("| situation |");
    for command in Command::ALL {
        text += &format!(" {command} |");
    }
    text += "\n|---|";
    text += &"---|".repeat(Command::ALL.len());
    for situation in Situation::ALL {
        text += &format!("\n| {situation:?} |");
        for command in Command::ALL {
            text += &match rule(situation, command) {
                Rule::Do(action) => format!(" {action:?} |"),
                Rule::DoIf(condition, action, code) => {
                    format!(" {action:?} if {condition:?}, else {code} |")
                }
                Rule::Nothing => " 0 |".to_owned(),
                Rule::Join(code) => format!(" joins, {code} |"),
                Rule::Refuse(code) => format!(" {code} |"),
            };
        }
    }
    text + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::time::Moment;

    #[test]
    fn every_transition_is_one_that_the_service_control_manager_allows() {
        let mut edges = 0;
        for from in State::ALL {
            for event in Event::ALL {
                if let Some(to) = next(from, event) {
                    assert!(scm_allows(from, to), "{from:?} --{event:?}--> {to:?}");
                    edges += 1;
                }
            }
        }
        assert_eq!(edges, 17, "lifecycle.md 2.2 has 17 edges, counted by state and cause");
    }

    #[test]
    fn an_accepted_command_leads_somewhere() {
        for situation in Situation::ALL {
            let state = state_of(situation);
            for command in Command::ALL {
                let (Rule::Do(action) | Rule::DoIf(_, action, _)) = rule(situation, command) else {
                    continue;
                };
                let event = match action {
                    Action::Start => Event::StartOrdered,
                    Action::Stop | Action::Restart if state != State::Stopped => Event::StopOrdered,
                    Action::Pause => Event::PauseOrdered,
                    Action::Continue => Event::ContinueOrdered,
                    Action::Kill => Event::Ended,
                    Action::Stop | Action::Restart | Action::Control | Action::Clear => continue,
                };
                assert!(next(state, event).is_some(), "{command} in {situation:?}");
            }
        }
    }

    fn state_of(situation: Situation) -> State {
        *State::ALL
            .iter()
            .find(|state| {
                let substates = [
                    Substate::Operator,
                    Substate::Failed,
                    Substate::Backoff { until: Moment::ZERO },
                ];
                substates.iter().any(|sub| Situation::of(**state, *sub) == situation)
            })
            .expect("every situation is some state's")
    }

    /// Lifecycle.md 2.3, cell by cell, as a person would type it from the reference: `+`
    /// accepted, `0` nothing to do, `j` joined, `?` conditional, else the code.
    #[test]
    fn the_command_table_is_the_reference_s() {
        const COLUMNS: [Command; 10] = [
            Command::Query,
            Command::Start,
            Command::Stop,
            Command::Pause,
            Command::Continue,
            Command::Custom(128),
            Command::Restart,
            Command::TryRestart,
            Command::Kill,
            Command::ResetFailed,
        ];
        const ROWS: [(Situation, &str); 9] = [
            (Situation::Stopped, "0 + 1062 1062 1062 1062 + 0 1062 0"),
            (Situation::Backoff, "0 + + 1062 1062 1062 + + + +"),
            (Situation::Failed, "0 + + 1062 1062 1062 + 0 1062 +"),
            (Situation::StartPending, "0 j1056 ?1061 1061 1061 1061 1061 1061 + 1062"),
            (Situation::Running, "0 1056 + ?1052 0 ?1052 + + + 0"),
            (Situation::PausePending, "0 1056 + j0 1061 ?1052 + + + 0"),
            (Situation::Paused, "0 1056 + 0 + ?1052 + + + 0"),
            (Situation::ContinuePending, "0 1056 + 1061 j0 ?1052 + + + 0"),
            (Situation::StopPending, "0 1056 j1061 1061 1061 1061 1056 1056 + 1062"),
        ];
        for (situation, row) in ROWS {
            for (command, cell) in COLUMNS.into_iter().zip(row.split(' ')) {
                let told = match rule(situation, command) {
                    Rule::Do(_) => "+".to_owned(),
                    Rule::DoIf(_, _, code) => format!("?{code}"),
                    Rule::Nothing => "0".to_owned(),
                    Rule::Join(code) => format!("j{code}"),
                    Rule::Refuse(code) => code.to_string(),
                };
                assert_eq!(told, cell, "{command} in {situation:?}");
            }
        }
    }

    #[test]
    fn the_documented_table_is_the_generated_one() {
        let documented = include_str!("lifecycle.md");
        assert!(
            documented.contains(&table_markdown()),
            "src/kernel/lifecycle.md is out of date; it must hold:\n{}",
            table_markdown()
        );
    }
}
