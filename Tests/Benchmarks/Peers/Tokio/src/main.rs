// tokio-peer streams|datagrams [ADDRESS] [THREADS]: echo with tokio, a task a client.

use std::{env, io};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket, UnixListener};
use tokio::runtime::{Builder, Runtime};

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut client: S) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = client.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        client.write_all(&buffer[..count]).await?;
    }
}

async fn serve_tcp(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        tokio::spawn(echo(client));
    }
}

async fn serve_unix(path: &str) -> io::Result<()> {
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)?;
    println!("listening on unix:{}", path);
    loop {
        let (client, _) = listener.accept().await?;
        tokio::spawn(echo(client));
    }
}

async fn serve_datagrams(address: &str) -> io::Result<()> {
    let socket = UdpSocket::bind(address).await?;
    println!("listening on {}", socket.local_addr()?);
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let (count, source) = socket.recv_from(&mut buffer).await?;
        socket.send_to(&buffer[..count], source).await?;
    }
}

fn runtime(threads: usize) -> io::Result<Runtime> {
    match threads {
        1 => Builder::new_current_thread().enable_io().build(),
        _ => Builder::new_multi_thread().worker_threads(threads).enable_io().build(),
    }
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let word = |index: usize, otherwise: &str| {
        arguments.get(index).cloned().unwrap_or_else(|| otherwise.to_string())
    };
    let (kind, address) = (word(0, "streams"), word(1, "127.0.0.1:0"));
    let threads = word(2, "1").parse().expect("a number of threads");
    runtime(threads)?.block_on(async {
        match (kind.as_str(), address.strip_prefix("unix:")) {
            ("datagrams", _) => serve_datagrams(&address).await,
            (_, Some(path)) => serve_unix(path).await,
            _ => serve_tcp(&address).await,
        }
    })
}
