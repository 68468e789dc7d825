//! A small HTTP/1.1 server for tests, which can misbehave.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) time: Instant,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn origin(&self) -> &str {
        self.header("origin").unwrap_or_default()
    }
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// A response with a short body.
    Response(u16, Vec<(&'static str, String)>),
    /// These bytes, and the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, and then others again and again until the client has enough.
    Endless(Vec<u8>, Vec<u8>),
    /// Nothing.
    Silence,
}

impl Reply {
    /// A response with the headers of a sound policy, which names these origins.
    pub(crate) fn listed(request: &Request, origins: &[&str]) -> Self {
        let mut headers = vec![("Vary", "Origin".to_owned())];
        if origins.contains(&request.origin()) {
            headers.push(("Access-Control-Allow-Origin", request.origin().to_owned()));
        }
        Self::Response(200, headers)
    }

    /// A response with permission for the page, whatever its origin.
    pub(crate) fn allowed(request: &Request) -> Self {
        Self::listed(request, &[request.origin()])
    }
}

/// A server that runs until the test program ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    most_at_a_time: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) fn start(reply: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            most_at_a_time: Arc::default(),
        };
        let reply = Arc::new(reply);
        let now = Arc::new(AtomicUsize::new(0));
        let (requests, most) = (server.requests.clone(), server.most_at_a_time.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (reply, requests) = (reply.clone(), requests.clone());
                let (now, most) = (now.clone(), most.clone());
                thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some(request) = read(&mut reader) {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        requests.lock().unwrap().push(request.clone());
                        let reply = reply(&request);
                        now.fetch_sub(1, Ordering::SeqCst);
                        if !write(reader.get_mut(), reply) {
                            break;
                        }
                    }
                });
            }
        });
        server
    }

    /// The address of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The most requests that were answered at a time.
    pub(crate) fn most_at_a_time(&self) -> usize {
        self.most_at_a_time.load(Ordering::SeqCst)
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    Some(Request { method, target, headers, time: Instant::now() })
}

/// Whether the connection goes on.
fn write(stream: &mut TcpStream, reply: Reply) -> bool {
    match reply {
        Reply::Response(status, headers) => {
            let lines: String =
                headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let text = match status {
                204 => format!("HTTP/1.1 204 No Content\r\n{lines}\r\n"),
                _ => format!("HTTP/1.1 {status} Status\r\n{lines}Content-Length: 2\r\n\r\nok"),
            };
            stream.write_all(text.as_bytes()).is_ok()
        }
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes);
            false
        }
        Reply::Endless(first, again) => {
            let mut is_open = stream.write_all(&first).is_ok();
            while is_open {
                is_open = stream.write_all(&again).is_ok();
                // Other tests need the processor, too.
                thread::sleep(Duration::from_millis(1));
            }
            false
        }
        Reply::Silence => {
            thread::sleep(Duration::from_secs(60));
            false
        }
    }
}
