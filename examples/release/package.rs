//! The files of a release: archives, checksums, and the mirror.
//!
//! The layout is that of <https://developer.hashicorp.com/terraform/registry/providers/publishing> and of
//! <https://developer.hashicorp.com/terraform/internals/provider-network-mirror-protocol>.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Cursor, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use terraform_provider_dli::install::{ADDRESS, REGISTRY_HOSTS, VERSION};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipArchive, ZipWriter};

/// Name of the project in the names of the registry's files.
pub(crate) const PROVIDER: &str = "terraform-provider-dli";
pub(crate) const EMULATOR: &str = "dli-emulator";
/// The manifest, which the registry reads: it declares plugin protocol 6.
const MANIFEST: &str = include_str!("../../terraform-registry-manifest.json");

/// A file of an archive.
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) is_executable: bool,
    pub(crate) content: Vec<u8>,
}

/// Packs files into a zip archive. The same files result in the same bytes: names are sorted, times are fixed.
pub(crate) fn archive(mut entries: Vec<Entry>) -> io::Result<Vec<u8>> {
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(9))
            .last_modified_time(DateTime::default())
            .unix_permissions(if entry.is_executable { 0o755 } else { 0o644 });
        writer.start_file(entry.name, options)?;
        writer.write_all(&entry.content)?;
    }
    Ok(writer.finish()?.into_inner())
}

/// The `zh:` hash of the lock file: SHA-256 of the archive.
pub(crate) fn archive_hash(archive: &[u8]) -> String {
    format!("zh:{}", sha256(archive))
}

/// The `h1:` hash of the lock file: a hash over the names and contents of the unpacked files.
///
/// See `Hash1` of <https://pkg.go.dev/golang.org/x/mod/sumdb/dirhash>.
pub(crate) fn content_hash(archive: &[u8]) -> io::Result<String> {
    let mut zip = ZipArchive::new(Cursor::new(archive))?;
    let mut names =
        zip.file_names().map(|name| name.map(std::borrow::Cow::into_owned)).collect::<Result<Vec<_>, _>>()?;
    names.sort();
    let mut list = Sha256::new();
    for name in names {
        let mut content = Vec::new();
        zip.by_name(&name)?.read_to_end(&mut content)?;
        list.update(format!("{}  {name}\n", sha256(&content)));
    }
    Ok(format!("h1:{}", STANDARD.encode(list.finalize())))
}

/// Name of an archive of this version.
pub(crate) fn archive_name(project: &str, platform: &str) -> String {
    format!("{project}_{VERSION}_{platform}.zip")
}

/// The archives of `project` in a directory, by platform.
pub(crate) fn archives(directory: &Path, project: &str) -> io::Result<BTreeMap<String, PathBuf>> {
    let prefix = format!("{project}_{VERSION}_");
    let mut archives = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(platform) = name.strip_prefix(&prefix).and_then(|rest| rest.strip_suffix(".zip")) {
            archives.insert(platform.to_owned(), path.clone());
        }
    }
    Ok(archives)
}

/// Removes the files that an earlier run wrote, and nothing else.
pub(crate) fn remove_artifacts(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if [PROVIDER, EMULATOR].iter().any(|project| name.starts_with(&format!("{project}_"))) {
            fs::remove_file(path)?;
        }
    }
    for host in REGISTRY_HOSTS {
        let provider = directory.join("mirror").join(host).join(ADDRESS);
        if provider.exists() {
            fs::remove_dir_all(provider)?;
        }
    }
    Ok(())
}

/// Writes the manifest and the checksums of the registry, and the checksums of the emulator's archives. Returns the
/// path of the registry's checksums.
pub(crate) fn write_checksums(directory: &Path) -> io::Result<PathBuf> {
    let manifest = directory.join(format!("{PROVIDER}_{VERSION}_manifest.json"));
    fs::write(&manifest, MANIFEST)?;
    let sums = |project: &str, more: Option<PathBuf>| -> io::Result<PathBuf> {
        let mut files: Vec<_> = archives(directory, project)?.into_values().chain(more).collect();
        files.sort();
        let line = |file: &PathBuf| {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok(format!("{}  {name}\n", sha256(&fs::read(file)?)))
        };
        let text = files.iter().map(line).collect::<io::Result<String>>()?;
        let path = directory.join(format!("{project}_{VERSION}_SHA256SUMS"));
        fs::write(&path, text)?;
        Ok(path)
    };
    sums(EMULATOR, None)?;
    sums(PROVIDER, Some(manifest))
}

/// Writes `mirror/`, which Terraform and OpenTofu read from disk and from a web server.
pub(crate) fn write_mirror(directory: &Path) -> io::Result<PathBuf> {
    let mirror = directory.join("mirror");
    for host in REGISTRY_HOSTS {
        let provider = mirror.join(host).join(ADDRESS);
        fs::create_dir_all(&provider)?;
        let mut platforms = BTreeMap::new();
        for (platform, path) in archives(directory, PROVIDER)? {
            let content = fs::read(&path)?;
            let name = archive_name(PROVIDER, &platform);
            fs::write(provider.join(&name), &content)?;
            let hashes = [content_hash(&content)?, archive_hash(&content)];
            platforms.insert(platform, json!({ "url": name, "hashes": hashes }));
        }
        write_json(&provider.join(format!("{VERSION}.json")), &json!({ "archives": platforms }))?;
        write_json(&provider.join("index.json"), &json!({ "versions": { VERSION: {} } }))?;
    }
    Ok(mirror)
}

fn write_json(path: &Path, value: &serde_json::Value) -> io::Result<()> {
    fs::write(path, format!("{value:#}\n"))
}

fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}
