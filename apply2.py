import shutil
R='/tmp/wt/routes/'
shutil.copy('/tmp/stage/sight.rs',R+'src/agent/sight.rs')
def sub(p,*pairs):
    s=open(R+p).read()
    for a,b in pairs:
        assert a in s,(p,a)
        s=s.replace(a,b,1)
    open(R+p,'w').write(s)
sub('src/agent/mod.rs',("mod reload;\n","mod reload;\nmod sight;\n"))
sub('src/agent/view.rs',('''            machines: self.machines(''','''            sources: self.source_views(now),
            machines: self.machines('''),
 ('''            contact: agent.contact''','''            timezone: agent.timezone.iana_name().unwrap_or("UTC").to_owned(),
            contact: agent.contact'''))
sub('src/api/view.rs',('''    /// Whom to call; empty''','''    /// In which times are told to people: `Europe/Berlin`.
    pub timezone: String,
    /// Whom to call; empty'''),
 ('''    /// All machines.
    pub machines''','''    /// All sources.
    pub sources: Vec<SourceView>,
    /// All machines.
    pub machines'''),
 ('''/// The configuration that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigView''','''/// Which site it is, and which time it is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiteView {
    /// Its id.
    pub site: String,
    /// Its name.
    pub site_name: String,
    /// In which times are told to people.
    pub timezone: String,
    /// RFC 3339.
    pub now: String,
    /// Whether that can be trusted.
    pub synchronised: bool,
}

/// The configuration that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ConfigView'''),
 ('''/// A machine.
#[derive''','''/// A source, as far as its tags tell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// `modbus`, `mqtt`
    pub kind: String,
    /// Where it leads.
    pub address: String,
    /// `ok`, `partly` (some of its tags are silent), `silent` (all are), `waiting` (nothing heard yet), `unused` (it has no tags).
    pub state: String,
    /// Seconds since anything was heard of it.
    pub heard_seconds: Option<u64>,
    /// Why something is silent.
    pub why: Option<String>,
}

/// A machine.
#[derive'''))
sub('src/api/site.rs',('''/// `POST /v1/reload`''','''/// `GET /v1/site`
pub(super) async fn site(State(shared): State<Shared>) -> Result<Json<SiteView>, ApiError> {
    let view = shared.ask(Order::Look).await?;
    Ok(Json(SiteView {
        site: view.site.clone(),
        site_name: view.site_name.clone(),
        timezone: view.timezone.clone(),
        now: view.now.clone(),
        synchronised: view.synchronised,
    }))
}

/// `POST /v1/reload`'''),("view::{Obeyed, Reloaded, View},","view::{Obeyed, Reloaded, SiteView, View},"))
sub('src/api/mod.rs',('''        .route("/v1/reload"''','''        .route("/v1/site", get(site::site))
        .route("/v1/reload"'''))
sub('src/cli/client.rs',('''    async fn exchange<''','''    /// Times are told from here on as the agent's texts tell them: in the site's zone, and ages by its clock. Where it does not
    /// say, they stay in the zone of this machine.
    pub(super) async fn tell_time(&self, terminal: &mut Terminal<'_>) {
        if let Ok(site) = self.get::<SiteView>(&["site"], &[]).await {
            terminal.adopt(&site.timezone, &site.now);
        }
    }

    async fn exchange<'''),
 ("    api::wire::Fault,","    api::{view::SiteView, wire::Fault},"),
 ("use super::exit::{Exit, Failure};","use super::{\n    exit::{Exit, Failure},\n    terminal::Terminal,\n};"))
sub('src/cli/terminal.rs',('''    /// An RFC 3339 time as people''','''    /// Tells times in this zone from now on, and ages from this instant; what is not understood changes nothing.
    pub(super) fn adopt(&mut self, timezone: &str, now: &str) {
        if let Ok(zone) = TimeZone::get(timezone) {
            self.zone = zone;
        }
        if let Ok(now) = now.parse::<Timestamp>() {
            self.now = Wall::from_millis(now.as_millisecond());
        }
    }

    /// An RFC 3339 time as people'''),
 ('''"warning" | "blind" |''','''"warning" | "blind" | "silent" | "partly" |'''))
sub('src/cli/status.rs',('''        // Ages are told by the agent's clock, which made the times.
        if let Ok(now) = view.now.parse::<jiff::Timestamp>() {
            terminal.now = Wall::from_millis(now.as_millisecond());
        }
''','''        // Ages are told by the agent's clock, which made the times.
        terminal.adopt(&view.timezone, &view.now);
'''),
 ("    clock::Wall,\n",""),
 ('''    if !view.machines.is_empty() {''','''    if !view.sources.is_empty() {
        terminal.heading("Sources")?;
        sources(&view.sources).print(terminal)?;
    }
    if !view.machines.is_empty() {'''),
 ('''fn machines(machines''','''/// The table of sources, the worst first.
fn sources(sources: &[SourceView]) -> Table {
    const WORST_FIRST: [&str; 3] = ["silent", "partly", "waiting"];
    let mut sorted: Vec<&SourceView> = sources.iter().collect();
    sorted.sort_by_key(|source| rank(&WORST_FIRST, &source.state));
    let mut table = Table::new(&["SOURCE", "TYPE", "ADDRESS", "STATE", "HEARD", "WHY"]);
    for one in sorted {
        let heard = match one.heard_seconds {
            Some(age) => format!("{} ago", lasting(std::time::Duration::from_secs(age))),
            None => "never".to_owned(),
        };
        let why = one.why.as_deref().unwrap_or_default();
        table.row([&one.name, &one.kind, &one.address, &one.state, &heard, why]);
    }
    table
}

fn machines(machines'''),
 ("view::{DestinationView, MachineView, ShelfView, View}","view::{DestinationView, MachineView, ShelfView, SourceView, View}"))
sub('src/cli/alerts.rs',('''            false => show(&story, terminal)?,''','''            false => {
                client.tell_time(terminal).await;
                show(&story, terminal)?;
            }'''),
 ('''        (false, false) => table(&alerts, terminal)?,''','''        (false, false) => {
            client.tell_time(terminal).await;
            table(&alerts, terminal)?;
        }'''))
sub('src/cli/outbox.rs',('''                false => show(&story, terminal)?,''','''                false => {
                    client.tell_time(terminal).await;
                    show(&story, terminal)?;
                }'''),
 ('''        (false, false) => table(&deliveries, terminal)?,''','''        (false, false) => {
            client.tell_time(terminal).await;
            table(&deliveries, terminal)?;
        }'''))
# last good
sub('src/config/mod.rs',('''/// Where the data of this configuration is kept, as far as even a refused one tells: the last good one is looked for there.
pub fn data_dir(paths: &Paths, env: &Env) -> PathBuf {
    peek(paths, env, "ANDON__AGENT__DATA_DIR", ["agent", "data_dir"])
        .map_or_else(|| agent::DATA_DIR.into(), PathBuf::from)
}
''','''/// Where the data of this configuration may be kept, as far as even a refused one tells, the likeliest first: the last good one
/// is looked for there. Where the files say nothing any more, systemd does.
pub fn data_dirs(paths: &Paths, env: &Env) -> Vec<PathBuf> {
    let said = peek(paths, env, "ANDON__AGENT__DATA_DIR", ["agent", "data_dir"]);
    if let Some(said) = said {
        return vec![said.into()];
    }
    // Of several directories that systemd names, joined with colons, the first is ours.
    let state = env
        .get("STATE_DIRECTORY")
        .and_then(|list| list.split(':').next());
    let state = state.filter(|directory| !directory.is_empty());
    let mut dirs: Vec<PathBuf> = state.map(PathBuf::from).into_iter().collect();
    if state != Some(agent::DATA_DIR) {
        dirs.push(agent::DATA_DIR.into());
    }
    dirs
}
'''),
 ('''/// A text of the main file or of the environment, before anything is checked.
''','''/// A text of the environment or of the files, before anything is checked: the last layer that has it.
'''),
 ('''    let text = std::fs::read_to_string(&paths.main).ok()?;
    let tree = file::parse(&"".into(), &text).ok()?;
    match &tree.get(section)?.get(key)?.value {
        tree::Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}
''','''    let files = FileSet::read(paths, &Problems::new()).files;
    let layers = files.iter().filter(|file| file.role == Role::Config).rev();
    let mut trees = layers.filter_map(|file| file::parse(&file.name(), &file.text).ok());
    trees.find_map(|tree| match &tree.get(section)?.get(key)?.value {
        tree::Value::Text(text) => Some(text.clone()),
        _ => None,
    })
}
'''))
sub('src/agent/start.rs',('''    let data_dir = config::data_dir(&start.paths, &start.env);
    let kept = match last_good::take_back(&data_dir) {
        Ok(kept) => kept,
        Err(error) => {
            tracing::error!("the last good configuration cannot be read: {error}");
            None
        }
    };
''','''    let dirs = config::data_dirs(&start.paths, &start.env);
    let kept = dirs.iter().find_map(|data_dir| {
        last_good::take_back(data_dir).unwrap_or_else(|error| {
            let error = anyhow::Error::from(error);
            tracing::error!("the last good configuration cannot be read: {error:#}");
            None
        })
    });
'''),)
sub('src/cli/run.rs',('''        return Err(nothing_to_run(&args.config));
    }
    start''','''        return Err(nothing_to_run(&paths, env));
    }
    start'''),
 ('''        Err(AgentError::NoConfig(path)) => Err(nothing_to_run(&path)),''','''        Err(AgentError::NoConfig(_)) => Err(nothing_to_run(&paths, env)),'''),
 ('''    let start = Start {
        paths,''','''    let start = Start {
        paths: paths.clone(),'''))
s=open(R+'src/cli/run.rs').read()
a=s.index("fn has_last_good"); b=s.index("fn nothing_to_run"); c=s.index("\n}\n",b)+3
s=s[:a]+'''fn has_last_good(paths: &Paths, env: &Env) -> bool {
    // A damaged copy is there too; the agent says what is wrong with it.
    let mut dirs = config::data_dirs(paths, env).into_iter();
    dirs.any(|data_dir| !matches!(last_good::take_back(&data_dir), Ok(None)))
}

fn nothing_to_run(paths: &Paths, env: &Env) -> Failure {
    let main = paths.main.display();
    let dirs = config::data_dirs(paths, env);
    let dirs: Vec<String> = dirs.iter().map(|dir| dir.display().to_string()).collect();
    let dirs = dirs.join(" and ");
    Failure::said(
        format!(
            "there is no configuration: {main} does not exist, and {dirs} holds none that ran before (another data_dir is named by ANDON__AGENT__DATA_DIR)\\n  andon init   writes a first one\\n  andon demo   shows what andon does, without one"
        ),
        Exit::Configuration,
    )
}
'''+s[c:]
open(R+'src/cli/run.rs','w').write(s)
