//! `andon routes`: which alerts go where, as the configuration says it. It needs no agent and connects to nothing.

mod question;
mod trial;
mod words;

use std::path::PathBuf;

use serde::Serialize;

use super::{
    CONFIG,
    exit::{Exit, Failure},
    table::Table,
    terminal::Terminal,
};
use crate::config::{self, Env, Loaded, Paths};

/// What to say of routes.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// The main file
    #[arg(long, global = true, value_name = "PATH", default_value = CONFIG)]
    config: PathBuf,
    /// As JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List them in the order in which they are asked; the default
    List,
    /// Say who would hear of an alert, when and through what, and who would not and why; ends with 1 if nobody would
    Test(Box<question::Args>),
}

/// A route as `--json` shows it.
#[derive(Debug, Serialize)]
struct RouteView {
    /// As it is counted in messages; none for the default.
    number: Option<u32>,
    default: bool,
    /// What it takes, in words.
    takes: String,
    to: Vec<String>,
    /// The routes after it are asked too.
    goes_on: bool,
    file: Option<String>,
    line: Option<u32>,
}

pub(super) fn run(args: &Args, env: &Env, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let paths = Paths {
        main: args.config.clone(),
    };
    let loaded = match config::load(&paths, env) {
        Ok(loaded) => loaded,
        Err(problems) => {
            for problem in problems.iter().filter(|problem| !problem.warning) {
                terminal.foreign(&problem.to_string())?;
            }
            let text = "the configuration is refused, so nothing can be said of its routes";
            return Err(Failure::said(text, Exit::Configuration));
        }
    };
    match &args.what {
        Some(What::Test(asked)) => trial::run(asked, &loaded, args.json, terminal),
        None | Some(What::List) => list(&loaded, args.json, terminal),
    }
}

fn list(loaded: &Loaded, json: bool, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let routes = views(loaded);
    if json {
        terminal.json(&routes)?;
        return Ok(Exit::Fine);
    }
    let mut table = Table::new(&["ROUTE", "TAKES", "TO", "THEN", "WRITTEN IN"]);
    for route in &routes {
        let number = route.number.map_or("-".to_owned(), |number| number.to_string());
        let to = match route.to.is_empty() {
            true => "nobody".to_owned(),
            false => route.to.join(", "),
        };
        let then = match (route.default, route.goes_on) {
            (true, _) => "",
            (false, true) => "goes on",
            (false, false) => "stops",
        };
        let place = match (&route.file, route.line) {
            (Some(file), Some(line)) => format!("{file}:{line}"),
            _ => String::new(),
        };
        table.row([&number, &route.takes, &to, then, &place]);
    }
    table.print(terminal)?;
    Ok(Exit::Fine)
}

fn views(loaded: &Loaded) -> Vec<RouteView> {
    let routes = &loaded.settings.parts.routes;
    let text = |names: &[std::sync::Arc<str>]| names.iter().map(ToString::to_string).collect();
    let mut views: Vec<RouteView> = routes
        .routes
        .iter()
        .map(|route| RouteView {
            number: Some(route.number),
            default: false,
            takes: words::takes(route),
            to: text(&route.to),
            goes_on: route.goes_on,
            file: route.place.as_ref().map(|place| place.file.to_string()),
            line: route.place.as_ref().map(|place| place.line),
        })
        .collect();
    let (takes, to) = match (&routes.default, views.is_empty()) {
        (Some(to), _) => ("what no other route takes", to),
        (None, true) => ("everything, as there are no routes", &routes.all),
        (None, false) => ("what no route takes, as none is the default", &routes.all),
    };
    views.push(RouteView {
        number: None,
        default: true,
        takes: takes.to_owned(),
        to: text(to),
        goes_on: false,
        file: None,
        line: None,
    });
    views
}
