use koio::Io;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let udp = std::net::UdpSocket::bind("127.0.0.1:0")?;
    let _ = Io::new().serve(udp)?;
    Ok(())
}
