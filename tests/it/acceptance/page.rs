//! The emulator's page in a browser, while Terraform uses the emulator.

mod browser;

use std::fs;

use axum::body::Body;
use http::Request;
use serde_json::{Value, json};
use terraform_provider_dli::dli::vpc::Subnet;
use terraform_provider_dli::dli::wire::Host;
use terraform_provider_dli::emulator::{Emulator, Settings};

use self::browser::{Browser, REBOUND};
use super::connection::connection;
use super::harness::{Cloud, PROJECT, for_one_terraform};

/// Whether the page shows a text.
fn shows(text: &str) -> String {
    format!("document.getElementById('main')?.innerText.includes({})", json!(text))
}

/// The rows of the only table, as texts.
fn rows(browser: &mut Browser) -> Vec<String> {
    let rows = browser.evaluate("[...document.querySelectorAll('#main tbody tr')].map((row) => row.innerText)");
    serde_json::from_value(rows).expect("texts")
}

/// The page follows Terraform without a reload; a fault that is injected in it meets the next apply.
#[test]
fn page_shows_and_steers_the_emulator() {
    let Some(mut browser) = Browser::start() else { return };
    for_one_terraform(|terraform| {
        let cloud = Cloud::start();
        browser.open(&cloud.emulator().endpoint());
        browser.wait_for(&shows("No connections yet."));

        let workspace = cloud.workspace(terraform);
        workspace.configure(&connection("queues = [\"q1\"]"));
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        browser.wait_for(&shows("test"));
        let shown = rows(&mut browser).join("\n");
        assert!(shown.contains("ACTIVE") && shown.contains("q1"), "{shown}");

        // The log, then one operation of it.
        browser.click("nav a[href='#requests']");
        browser.wait_for("document.querySelectorAll('#main tbody tr').length > 1");
        browser.set("#operation", "CreateEnhancedConnection");
        browser.wait_for("document.querySelectorAll('#main tbody tr').length === 1");
        browser.click("#main tbody button");
        browser.wait_for("document.querySelector('dialog[open]')?.innerText.includes('connection_id')");
        browser.click("dialog summary");
        let details = browser.evaluate("document.querySelector('dialog').innerText").to_string();
        assert!(details.contains("authorization: withheld"), "{details}");
        assert!(details.contains("dest_network_id") && !details.contains("Signature="), "{details}");
        browser.click("dialog .head button");

        // A fault for the next change.
        browser.click("nav a[href='#settings']");
        browser.wait_for("!!document.getElementById('fault-operation')");
        browser.set("#fault-operation", "UpdateEnhancedConnection");
        browser.set("#fault-trouble", "refuse");
        browser.set("#fault-argument", "400,DLI.0015,out of order");
        browser.click("#add-fault");
        browser.wait_for(&shows("1 time left"));
        workspace.configure(&connection("queues = [\"q1\"]\n  hosts = { \"db.example.com\" = \"192.168.0.1\" }"));
        let refused = workspace.run(&["apply", "-auto-approve"]).expect_code(1);
        assert!(refused.stderr.contains("out of order"), "{refused}");
        browser.wait_for(&shows("No faults."));

        // The filter applies to requests that come later too.
        browser.click("nav a[href='#requests']");
        browser.wait_for("!!document.getElementById('status')");
        browser.set("#status", "error");
        browser.wait_for("document.querySelectorAll('#main tbody tr').length === 1");
        let errors = rows(&mut browser);
        assert!(errors[0].contains("out of order"), "{errors:?}");
        workspace.run(&["apply", "-auto-approve"]).expect_code(0);
        browser.set("#status", "");
        browser.wait_for("document.querySelectorAll('#main tbody tr').length > 1");

        browser.click("nav a[href='#settings']");
        browser.click("#reset");
        browser.click("#confirm");
        browser.wait_for("document.getElementById('message').innerText === 'Emulator reset'");
        browser.click("nav a[href='#connections']");
        browser.wait_for(&shows("No connections yet."));
        cloud.expect_empty();
        browser.expect_no_problems();
        workspace.discarded();
    });
}

/// Each view fits the width of a phone and has names for what can be used.
#[test]
fn page_fits_small_screens_and_has_names() {
    let Some(mut browser) = Browser::start() else { return };
    let cloud = Cloud::start();
    let body = json!({"name": "a".repeat(64), "queues": ["q1"], "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
        "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281"});
    let create = serde_json::from_value(body).expect("a valid body");
    let id = cloud.edit(|service| service.create(create));
    for (size, scheme) in [((360, 740), "light"), ((360, 740), "dark"), ((1280, 800), "dark")] {
        browser.emulate(size, scheme);
        for view in ["connections", "queues", "networks", "requests", "settings", "setup"] {
            browser.open("about:blank");
            browser.open(&format!("{}/_emulator/ui#{view}", cloud.emulator().endpoint()));
            browser.wait_for("document.querySelector('#main')?.innerText.length > 20");
            let found = browser.evaluate(
                "({
                    overflow: document.documentElement.scrollWidth - innerWidth,
                    nameless: [...document.querySelectorAll('button, a, select, input:not([hidden])')].filter((element) =>
                        !(element.innerText || element.getAttribute('aria-label') || element.labels?.length
                            )).map((element) => element.outerHTML),
                    dark: getComputedStyle(document.body).backgroundColor,
                })",
            );
            assert!(found["overflow"].as_i64() <= Some(0), "{view} at {size:?}: {found}");
            assert_eq!(found["nameless"], json!([]), "{view}");
            let is_dark = found["dark"] == "rgb(20, 23, 27)";
            assert_eq!(is_dark, scheme == "dark", "{found}");
        }
    }
    // The keyboard opens a connection and closes it again.
    browser.open("about:blank");
    browser.open(&format!("{}/#connections", cloud.emulator().endpoint()));
    browser.wait_for(&format!("!!document.querySelector('[data-key=\"{id}\"]')"));
    browser.evaluate(&format!("document.querySelector('[data-key=\"{id}\"]').focus()"));
    let key = |browser: &mut Browser, key: &str, text: Option<&str>, code: u32| {
        let mut event = json!({"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": code});
        event["text"] = text.map_or(Value::Null, |text| json!(text));
        if text.is_none() {
            event.as_object_mut().expect("an object").remove("text");
        }
        browser.call("Input.dispatchKeyEvent", &event);
        browser.call("Input.dispatchKeyEvent", &json!({"type": "keyUp", "key": key, "code": key}));
    };
    key(&mut browser, "Enter", Some("\r"), 13);
    browser.wait_for("document.querySelector('dialog[open]')?.innerText.includes('Subnet')");
    key(&mut browser, "Escape", None, 27);
    browser.wait_for("!document.querySelector('dialog[open]')");
    assert_eq!(browser.evaluate("document.activeElement.dataset.key"), json!(id));
    browser.expect_no_problems();
    assert_eq!(cloud.connection().id, id, "{PROJECT}");
}

/// The lists of networks have pages and a search field.
#[test]
fn page_shows_networks_in_pages() {
    let Some(mut browser) = Browser::start() else { return };
    let cloud = Cloud::start();
    for number in 1..=60 {
        let subnet = Subnet {
            id: format!("4779ab1c-7c1a-44b1-a02e-93dfc361b{number:03}"),
            name: format!("subnet-{number}"),
            cidr: format!("192.168.{number}.0/24"),
            vpc_id: "22094d8f-c310-4621-913d-4c4d655d8495".to_owned(),
            ..Subnet::default()
        };
        cloud.edit(|service| service.networks().put_subnet(subnet));
    }
    browser.open(&format!("{}/#networks", cloud.emulator().endpoint()));
    browser.wait_for(&shows("1–50 of 61 subnets"));
    let row =
        "[...document.querySelectorAll('#main tbody tr')].find((row) => row.innerText.includes('subnet-default'))";
    let text = browser.evaluate(&format!("{row}.innerText"));
    assert!(text.as_str().is_some_and(|text| text.contains("vpc-default")), "{text}");
    browser.wait_for(&shows("subnet-9, 51 more"));
    browser.click("button[aria-label='Next subnet']");
    browser.wait_for(&shows("51–61 of 61 subnets"));
    browser.set("input[aria-label='Search subnet']", "192.168.7.");
    browser.wait_for(&shows("1 subnet"));
    browser.wait_for(&shows("subnet-7"));
    browser.expect_no_problems();
}

/// A browser sends no request of a hostile page that reads or changes something.
#[test]
fn hostile_page_gets_nothing() {
    let Some(mut browser) = Browser::start() else { return };
    let cloud = Cloud::start();
    let body = json!({"name": "test", "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
        "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281"});
    let create = serde_json::from_value(body).expect("a valid body");
    let id = cloud.edit(|service| service.create(create));
    let own = cloud.emulator().endpoint();
    let rebound = own.replace("127.0.0.1", REBOUND);
    browser.open(&format!("{rebound}/"));
    let text = browser.evaluate("document.body.innerText").to_string();
    assert!(text.contains("--allowed-host evil.example.com"), "{text}");
    for (base, expected) in [(&rebound, json!(403)), (&own, json!("TypeError"))] {
        for (method, path) in
            [("GET", "/_emulator/state"), ("POST", "/_emulator/reset"), ("DELETE", "/_emulator/faults")]
        {
            let found = browser.evaluate(&format!(
                "fetch('{base}{path}', {{ method: '{method}' }}).then((answer) => answer.status, (error) => error.name)"
            ));
            assert_eq!(found, expected, "{method} {base}{path}");
        }
    }
    // Requests without preflight, whose response the page cannot read.
    browser.evaluate(&format!("fetch('{own}/_emulator/reset', {{ method: 'POST', mode: 'no-cors' }}).catch(() => 1)"));
    let form = "(() => {
        const form = document.createElement('form');
        Object.assign(form, { method: 'post', action: 'ACTION/_emulator/reset' });
        document.body.append(form);
        form.submit();
    })()";
    browser.evaluate(&form.replace("ACTION", &own));
    browser.wait_for("document.body?.innerText.includes('another origin')");
    assert_eq!(cloud.connection().id, id);
    assert!(cloud.requests().is_empty(), "rejected requests are not logged");
}

/// Resident memory of this process in MiB.
fn memory() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}

/// 1,000 connections with 20 routes each, 20,000 hosts in one, and 100,000 requests in the log.
#[test]
#[ignore = "takes a minute"]
#[expect(clippy::print_stdout, reason = "it measures")]
fn page_stays_fast_with_many_objects() {
    let Some(mut browser) = Browser::start() else { return };
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let emulator = runtime.block_on(Emulator::start(([127, 0, 0, 1], 0).into(), Settings::default()));
    let emulator = emulator.expect("a free port");
    let edited = emulator.edit(PROJECT, |service| {
        for number in 0..1_000 {
            let body = json!({"name": format!("connection_{number}"), "queues": ["q1", "q2"],
                "dest_vpc_id": "22094d8f-c310-4621-913d-4c4d655d8495",
                "dest_network_id": "78f2562a-36e4-4b39-95b9-f5aab22e1281"});
            let id = service.create(serde_json::from_value(body).expect("a valid body"))?;
            for route in 0..20 {
                service.add_route(&id, &format!("route_{route}"), &format!("10.{route}.0.0/16"))?;
            }
            if number == 999 {
                let host = |n| Host { name: format!("node-{n}.example.com"), ip: "192.168.0.1".to_owned() };
                service.replace_hosts(&id, (0..20_000).map(host).collect())?;
            }
        }
        Ok::<_, terraform_provider_dli::emulator::ApiError>(())
    });
    edited.expect("no file").expect("valid objects");
    let send = |count: usize| {
        runtime.block_on(async {
            for _ in 0..count {
                let request = Request::get(format!("/v1.0/{PROJECT}/queues?queue_type=all")).body(Body::empty());
                let _ = emulator.answer(request.expect("a request")).await;
            }
        });
    };
    send(100_000);

    let mut largest = 0;
    for (view, ready) in [
        ("connections", "document.querySelectorAll('#main tbody tr').length === 50"),
        ("requests", "document.querySelectorAll('#main tbody tr').length === 100"),
        ("settings", "!!document.querySelector('#fate-target option[value=q1]')"),
    ] {
        browser.open("about:blank");
        browser.open(&format!("{}/#{view}", emulator.endpoint()));
        browser.wait_for(ready);
        let measured = browser.evaluate(
            "({ paint: performance.getEntriesByName('first-contentful-paint')[0].startTime, ready: performance.now(),
                largest: Math.max(...performance.getEntriesByType('resource').map((entry) => entry.transferSize)) })",
        );
        println!("{view}: {measured}");
        assert!(measured["paint"].as_f64() < Some(1_000.0) && measured["ready"].as_f64() < Some(1_000.0), "{measured}");
        largest = largest.max(measured["largest"].as_u64().expect("a size"));
    }
    browser.open("about:blank");
    browser.open(&emulator.endpoint());
    browser.click("#main tbody button");
    browser.wait_for("document.querySelector('dialog[open]')?.innerText.includes('1–50 of 20,000 hosts')");
    let size = "Math.max(...performance.getEntriesByType('resource').map((entry) => entry.transferSize))";
    largest = largest.max(browser.evaluate(size).as_u64().expect("a size"));
    assert!(largest < 1_000_000, "{largest}");

    // The page follows the full log.
    browser.open("about:blank");
    browser.open(&format!("{}/#requests", emulator.endpoint()));
    browser.wait_for("document.querySelectorAll('#main tbody tr').length === 100");
    send(20_000);
    let before = memory();
    send(50_000);
    browser.wait_for("document.querySelector('#main tbody tr').innerText.includes('170000')");
    let after = memory();
    println!("largest response {largest} bytes, memory {before} MiB, then {after} MiB");
    assert!(after <= before + before / 10, "{before} MiB, then {after} MiB");
    browser.expect_no_problems();
}
