internal import Glibc
internal import SocketSystem

public struct SocketOption<V: Sendable>: Sendable {
    var l: CInt; var n: CInt
    func write(_ v: Duration, to: CInt) throws(Errno) {
        var l = Glibc.linger(l_onoff: 1, l_linger: 0);
        _ = unsafe setsockopt(to, SOL_SOCKET, SO_LINGER, &l, 8)
    }
}
extension SocketOption where V == Bool {
    public static var noDelay: Self { .init(l: 6, n: 1) };
    public static var reuseAddress: Self { .init(l: 1, n: 2) };
    public static var reusePort: Self { .init(l: 1, n: 15) }
}
extension SocketOption where V == Duration { public static var linger: Self { .init(l: 1, n: 13) } }
public struct SocketOptionSetting: Sendable {
    var l: CInt; var n: CInt; var v: CInt
    public static func set(_ o: SocketOption<Bool>, _ b: Bool) -> Self {
        .init(l: o.l, n: o.n, v: b ? 1 : 0)
    }
    func apply(to fd: CInt) throws(Errno) {
        var v = v; if unsafe setsockopt(fd, l, n, &v, 4) < 0 { throw Errno(rawValue: errno) }
    }
}
