//! Services that are reached over TLS.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use http::Request;
use lmall_web::{
    Client,
    client::{BaseUrl, Error},
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject},
};
use tempfile::TempDir;

/// A server that speaks TLS and answers everything; it ends with this value.
struct Secure {
    child: Child,
    base: BaseUrl,
}

impl Drop for Secure {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Secure {
    /// With a certificate for this machine, of an authority that is made anew, too.
    fn start(dir: &Path) -> Self {
        fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("room for a file");
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(dir, &format!("req -x509 -subj /CN=authority -keyout ca.key -out ca {key}"));
        openssl(dir, &format!("req -new -subj /CN=service -keyout key -out request {key}"));
        openssl(
            dir,
            "x509 -req -in request -CA ca -CAkey ca.key -CAcreateserial -extfile names -out own",
        );
        let mut server = Command::new("openssl");
        server.args("s_server -accept 127.0.0.1:0 -www -cert own -key key".split(' '));
        server.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = server.spawn().expect("openssl is installed");
        let said = BufReader::new(child.stdout.take().expect("a pipe"));
        let address = said
            .lines()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned))
            .expect("it says where it is");
        let base = format!("https://{address}").parse().expect("an address");
        Self { child, base }
    }

    async fn ask(&self, client: &Client<String>) -> Result<u16, Error> {
        let request = Request::get(self.base.join("/").expect("a path")).body(String::new());
        let request = request.expect("a request");
        Ok(client.open(request, Duration::from_secs(10)).await?.status().as_u16())
    }
}

fn openssl(dir: &Path, words: &str) {
    let done = Command::new("openssl").args(words.split(' ')).current_dir(dir).output();
    let done = done.expect("openssl is installed");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn trusting(authority: &Path) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let certificate = CertificateDer::from_pem_file(authority).expect("a certificate");
    roots.add(certificate).expect("an authority");
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the protocol's versions")
        .with_root_certificates(roots)
        .with_no_client_auth()
}

#[tokio::test]
async fn a_service_beyond_the_network_is_asked_if_its_certificate_is_trusted() {
    let dir = TempDir::new().expect("a place");
    let service = Secure::start(dir.path());
    let trusted = Client::trusting(trusting(&dir.path().join("ca")));
    assert_eq!(service.ask(&trusted).await.expect("an answer"), 200);
    let system = service.ask(&Client::new()).await;
    assert!(matches!(system, Err(Error::Unreachable(_))), "{system:?}");
}
