//! The `smsexec` command: arguments in, a site with its real or simulated outside, a console; or a
//! measurement.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use console::terminal::Terminal;
use console::{Console, ExitStatus, Options, Script};
use contract::control::HostControl;
use edge::Embedded;
use site::SiteDefinition;

/// The embedded cloud's packages and key come from this number: the same at every start, so
/// that a site folder stays at home with it.
const CLOUD_SEED: u64 = 1;

/// SMS_EXECUTIVE of a Configuration Manager site, and its Service Manager.
///
/// Without a command: starts stand-alone primary site PS1 and opens the Service Manager
/// prompt; where standard input is no terminal, its lines are the script.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    #[command(subcommand)]
    command: Option<Task>,
    /// The site's folder; made if it is not there. A site.toml in it defines the site.
    #[arg(long, value_name = "DIR", default_value = "site", global = true)]
    site: PathBuf,
    /// Simulate: virtual time, no folder, no connection.
    #[arg(long, global = true)]
    sim: bool,
    /// What the order of turns is drawn from, in simulation.
    #[arg(long, value_name = "N", default_value_t = 1, global = true)]
    seed: u64,
    /// Do this line and leave; may be given several times.
    #[arg(short, long, value_name = "LINE")]
    execute: Vec<String>,
    /// Answer in JSON on standard output.
    #[arg(long, global = true)]
    json: bool,
    /// Show each line of a script before it is done.
    #[arg(long, global = true)]
    echo: bool,
    /// Go on after a line of a script that went wrong.
    #[arg(long, global = true)]
    keep_going: bool,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Do the lines of script files, one file after the other.
    Run {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Print a site file with every setting, to begin a site.toml with.
    Init,
    Bench(Box<bench::Arguments>),
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(status) => ExitCode::from(status.number()),
        Err(error) => {
            eprintln!("smsexec: {}", chain(error.as_ref()));
            ExitCode::from(ExitStatus::GENERIC.number())
        }
    }
}

/// An error with everything that led to it, on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(": {error}");
        source = error.source();
    }
    text
}

fn run(args: &Args) -> Result<ExitStatus, Box<dyn Error>> {
    if let Some(Task::Init) = args.command {
        io::stdout().write_all(SiteDefinition::default().to_toml().as_bytes())?;
        return Ok(ExitStatus::DONE);
    }
    if let Some(Task::Bench(arguments)) = &args.command {
        return measure(args, arguments);
    }
    // Before a site is started for it: a script that cannot be read.
    let scripts = open_scripts(args)?;
    let (mut definition, is_from_file) = match definition(&args.site) {
        Ok(defined) => defined,
        Err(problems) => {
            eprint!("{problems}");
            return Ok(ExitStatus::USAGE);
        }
    };
    if args.sim {
        if !is_from_file {
            definition.installed = sim::EPOCH;
        }
        // An operator is no test: whatever the components do, the line said how it went.
        let builder = sim::SiteBuilder::new(definition.clone()).lenient();
        let builder = builder.components(smsexec::roster()).seed(args.seed);
        let mut site = builder.cloud(cloud::Cloud::new(CLOUD_SEED)).start()?;
        return operate(args, &definition, &mut site, scripts);
    }
    let edge = Embedded::start(&args.site, CLOUD_SEED)?;
    let kept = edge.folder().load_kept()?;
    if !is_from_file {
        // A site that nobody has defined was installed when its folder was made.
        definition.installed = kept.installed.unwrap_or_else(live::utc_now);
    }
    let logs = Some(args.site.join("logs"));
    let options = live::Options { logs, kept, ..live::Options::default() };
    let mut site = live::Site::start(&definition, smsexec::roster(), Arc::new(edge), options)?;
    let status = operate(args, &definition, &mut site, scripts)?;
    // What the lines came to is what the caller wants to know; this is beside it, unless code
    // was left behind.
    match site.shut_down() {
        Ok(left) => Ok(status.worst(ExitStatus::of_service(Some(left)))),
        Err(refusal) => {
            eprintln!("smsexec: {refusal}");
            Ok(status)
        }
    }
}

/// Measures, on hosts of its own, and shows and writes what came of it.
fn measure(args: &Args, arguments: &bench::Arguments) -> Result<ExitStatus, Box<dyn Error>> {
    if args.sim {
        eprintln!("smsexec: --sim: virtual time has no speed to be measured; leave it out");
        return Ok(ExitStatus::USAGE);
    }
    let plan = match arguments.plan(args.seed) {
        Ok(plan) => plan,
        Err(refusal) => {
            eprintln!("smsexec: {refusal}");
            return Ok(ExitStatus::USAGE);
        }
    };
    // Before it is measured for minutes: a file that cannot be written.
    let open = |path: &Option<PathBuf>| -> Result<Option<File>, Box<dyn Error>> {
        let Some(path) = path else { return Ok(None) };
        let file = File::options().write(true).create(true).truncate(false).open(path);
        Ok(Some(file.map_err(|error| format!("{}: {error}", path.display()))?))
    };
    let (saved, page) = (open(&arguments.save)?, open(&arguments.html)?);
    let report = bench::measure(&plan, &bench::Progress::shown())?;
    // What was there before is there until there is something better.
    let fill = |file: Option<File>, text: &str| -> io::Result<()> {
        let Some(mut file) = file else { return Ok(()) };
        file.set_len(0)?;
        file.write_all(text.as_bytes())
    };
    let json = report.to_json();
    fill(saved, &json)?;
    fill(page, &bench::html(&report))?;
    let shown = if args.json { json } else { bench::text(&report) };
    io::stdout().write_all(shown.as_bytes())?;
    Ok(ExitStatus::DONE)
}

/// The site of the folder's site.toml, or the default one, and which of the two; else every
/// problem of the file.
fn definition(folder: &Path) -> Result<(SiteDefinition, bool), String> {
    let path = folder.join("site.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok((SiteDefinition::default(), false));
        }
        // The folder's own trouble is told by whoever opens it.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Ok((SiteDefinition::default(), false));
        }
        Err(error) => return Err(format!("{}: it cannot be read: {error}\n", path.display())),
    };
    let definition = SiteDefinition::from_toml(&text).map_err(|problems| {
        problems
            .iter()
            .map(|problem| format!("{}:{}: {}\n", path.display(), problem.line, problem.text))
            .collect::<String>()
    })?;
    Ok((definition, true))
}

type Scripts = Vec<(String, Box<dyn BufRead>)>;

fn open_scripts(args: &Args) -> Result<Scripts, Box<dyn Error>> {
    let Some(Task::Run { files }) = &args.command else { return Ok(Vec::new()) };
    let mut scripts: Scripts = Vec::new();
    for path in files {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| format!("{name}: {error}"))?;
        if file.metadata()?.is_dir() {
            return Err(format!("{name}: it is a folder, a script is a file").into());
        }
        scripts.push((name, Box::new(BufReader::new(file))));
    }
    Ok(scripts)
}

/// Puts the site under an operator's hand: lines from the command line, scripts, a terminal, or
/// a pipe.
fn operate(
    args: &Args,
    definition: &SiteDefinition,
    site: &mut dyn HostControl,
    mut scripts: Scripts,
) -> Result<ExitStatus, Box<dyn Error>> {
    let status_text = |id| status::catalogue::find(id).map(|_| status::explain(id));
    let options =
        Options { json: args.json, status_text: Some(Box::new(status_text)), ..Options::default() };
    let mut console = Console::new(site, options);
    if !args.execute.is_empty() {
        let lines = args.execute.join("\n");
        scripts.insert(0, ("command line".into(), Box::new(io::Cursor::new(lines))));
    } else if scripts.is_empty() {
        if io::stdin().is_terminal() {
            let history = (!args.sim).then(|| args.site.join("history.txt"));
            let terminal = Terminal { site_code: definition.code.clone(), history };
            return Ok(terminal.run(&mut console)?);
        }
        scripts.push(("stdin".into(), Box::new(BufReader::new(io::stdin()))));
    }
    let (mut worst, mut last) = (ExitStatus::DONE, ExitStatus::DONE);
    for (name, lines) in scripts {
        let script = Script { name, echo: args.echo, keep_going: args.keep_going };
        let (out, problems) = (&mut io::stdout(), &mut io::stderr());
        last = script.run(&mut console, lines, out, problems)?;
        if !last.lets_a_script_go_on() {
            worst = worst.worst(last);
            if !args.keep_going {
                break;
            }
        }
    }
    io::stdout().flush()?;
    Ok(worst.worst(last))
}
