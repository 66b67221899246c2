//! A headless Chromium, driven over a pipe by the protocol of its developer tools.

use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, fmt};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Names of the program on Debian, Ubuntu and GitHub's machines.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// A public host name that resolves to this machine.
pub(super) const REBOUND: &str = "evil.example.com";

/// How long the page may take for what a test expects.
const PATIENCE_MS: u32 = 20_000;

/// A browser with one page. It is killed on drop.
pub(super) struct Browser {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    session: Option<String>,
    calls: u64,
    /// Exceptions, and errors that the browser reports in its console.
    problems: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser. Without one, says so loudly and returns `None`; fails if `REQUIRE_BROWSER` is set, as in CI.
    pub(super) fn start() -> Option<Self> {
        let Some(program) = Self::find() else {
            let text = format!("no browser was found (one of {PROGRAMS:?} on PATH): install Debian's chromium");
            assert!(env::var_os("REQUIRE_BROWSER").is_none(), "{text}");
            // Unlike the output of eprintln!, this is shown for a test that passes.
            let _ = writeln!(io::stderr(), "\n!!!! THE PAGE OF THE EMULATOR IS NOT TESTED: {text} !!!!\n");
            return None;
        };
        let profile = tempfile::tempdir().expect("a directory");
        // The protocol is on file descriptors 3 and 4. A web page under test needs no sandbox, which root cannot use.
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$@\" 3<&0 4>&1 >/dev/null 2>&1", "sh"])
            .arg(program)
            .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
            .args(["--disable-extensions", "--disable-background-networking", "--remote-debugging-pipe"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            // A name whose owner lets it resolve to this machine.
            .arg(format!("--host-resolver-rules=MAP {REBOUND} 127.0.0.1"))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell runs");
        let input = child.stdin.take().expect("piped");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let (problems, session) = (Vec::new(), None);
        let mut browser = Self { child, input, output, session, calls: 0, problems, _profile: profile };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}))["targetId"].clone();
        let attached = browser.call("Target.attachToTarget", &json!({"targetId": target, "flatten": true}));
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime.enable", "Log.enable", "Page.enable"] {
            browser.call(domain, &json!({}));
        }
        Some(browser)
    }

    fn find() -> Option<PathBuf> {
        let path = env::var_os("PATH")?;
        let programs = PROGRAMS.iter().flat_map(|name| env::split_paths(&path).map(move |folder| folder.join(name)));
        programs.into_iter().find(|program| program.is_file())
    }

    /// Calls a method of the protocol and returns its result.
    #[track_caller]
    pub(super) fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.try_call(method, parameters).unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Calls a method of the protocol and returns its result or its error.
    fn try_call(&mut self, method: &str, parameters: &Value) -> Result<Value, Value> {
        self.calls += 1;
        let mut message = json!({"id": self.calls, "method": method, "params": parameters});
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.input.write_all(format!("{message}\0").as_bytes()).expect("the browser runs");
        loop {
            let mut bytes = Vec::new();
            self.output.read_until(0, &mut bytes).expect("the browser answers");
            let end = bytes.pop().unwrap_or_else(|| panic!("the browser ended during {method}"));
            assert_eq!(end, 0, "{method}");
            let received: Value = serde_json::from_slice(&bytes).expect("JSON");
            match received["method"].as_str() {
                Some("Runtime.exceptionThrown") => self.problems.push(received["params"].to_string()),
                Some("Log.entryAdded") if received["params"]["entry"]["level"] == "error" => {
                    self.problems.push(received["params"]["entry"].to_string());
                }
                _ => {}
            }
            if received["id"] == self.calls {
                let (result, error) = (received["result"].clone(), received["error"].clone());
                return if error.is_null() { Ok(result) } else { Err(error) };
            }
        }
    }

    pub(super) fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", &json!({ "url": url }));
        assert!(opened["errorText"].is_null(), "{url}: {opened}");
    }

    /// The value of an expression in the page. A promise is awaited.
    #[track_caller]
    pub(super) fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let mut result = self.try_call("Runtime.evaluate", &parameters);
        // A page that is left does not answer; the next one does.
        if result.as_ref().is_err_and(|error| error.to_string().contains("navigated")) {
            result = self.try_call("Runtime.evaluate", &parameters);
        }
        let result = result.unwrap_or_else(|error| panic!("{expression}: {error}"));
        assert!(result["exceptionDetails"].is_null(), "{expression}: {}", result["exceptionDetails"]);
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page, and returns its value. The page tells when it has changed.
    #[track_caller]
    pub(super) fn wait_for(&mut self, expression: &str) -> Value {
        let found = self.evaluate(&format!(
            "new Promise((resolve) => {{
                let observer;
                const finish = (result) => {{ observer.disconnect(); clearTimeout(timer); resolve(result); }};
                const check = () => {{ const value = (() => {expression})(); if (value) finish({{ value }}); }};
                const timer = setTimeout(() => finish({{ text: document.body.innerText }}), {PATIENCE_MS});
                observer = new MutationObserver(check);
                observer.observe(document, {{ subtree: true, childList: true, characterData: true, attributes: true }});
                check();
            }})"
        ));
        assert!(found["text"].is_null(), "{expression} is not true in the page:\n{}", found["text"]);
        found["value"].clone()
    }

    /// Clicks on the element of a selector, and waits for it before.
    #[track_caller]
    pub(super) fn click(&mut self, selector: &str) {
        let element = format!("document.querySelector({})", json!(selector));
        self.wait_for(&element.replacen("document", "!!document", 1));
        self.evaluate(&format!("{element}.click()"));
    }

    /// Sets the value of an input or a list, as a user does.
    #[track_caller]
    pub(super) fn set(&mut self, selector: &str, value: &str) {
        self.evaluate(&format!(
            "(() => {{ const input = document.querySelector({}); input.value = {}; for (const name of ['input', 'change'])
                input.dispatchEvent(new Event(name, {{ bubbles: true }})); }})()",
            json!(selector),
            json!(value)
        ));
    }

    /// Sets the size of the window in pixels and the color scheme.
    pub(super) fn emulate(&mut self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Fails if the page has thrown an exception or reported an error.
    #[track_caller]
    pub(super) fn expect_no_problems(&mut self) {
        // Events that come before the answer are read with it.
        self.evaluate("1");
        assert!(self.problems.is_empty(), "{:#?}", self.problems);
    }
}

impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser").finish_non_exhaustive()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
