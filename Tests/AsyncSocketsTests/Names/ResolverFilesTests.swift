import TestKit
import Testing

@testable import AsyncSockets

/// What the files that say how names are looked up mean.
@Suite(.fewAtOnce, .endsHangs)
struct ResolverFilesTests {
    @Test(
        "The sources stand in the order of nsswitch.conf; the C library has what only it knows",
        arguments: [
            ("", [.hostsFile, .dns]),
            ("passwd: nis\n", [.hostsFile, .dns]),
            ("hosts: files dns", [.hostsFile, .dns]),
            ("hosts:files dns # myhostname", [.hostsFile, .dns]),
            ("  hosts :\tdns  files\n", [.dns, .hostsFile]),
            ("hosts: FILES", [.hostsFile]),
            ("hosts: dns", [.dns]),
            ("hosts: nis\nhosts: files dns", [.hostsFile, .dns]),
            ("#hosts: nis", [.hostsFile, .dns]),
            ("hosts: files mdns4_minimal [NOTFOUND=return] dns", [.hostsFile, .library]),
            ("hosts: files [NOTFOUND=return] dns", [.hostsFile, .library]),
            ("hosts: files [ NOTFOUND=continue SUCCESS=continue ] dns", [.libraryForBoth]),
            ("hosts: files [success=merge] dns", [.libraryForBoth]),
            ("hosts: files myhostname resolve [!UNAVAIL=return] dns", [.hostsFile, .library]),
            ("hosts: myhostname files dns", [.libraryForBoth]),
            ("hosts: dns [!UNAVAIL=return] files", [.libraryForBoth]),
            ("hosts:", []),
        ] as [(String, [NameSources.Source])]
    )
    func sources(text: String, list: [NameSources.Source]) {
        #expect(NameSources(text).list == list)
    }

    @Test("If we may not ask the name servers, the C library does")
    func sourcesWithoutDNS() {
        #expect(NameSources("hosts: files dns", ownDNS: false).list == [.hostsFile, .library])
        #expect(NameSources("hosts: files", ownDNS: false).list == [.hostsFile])
        #expect(NameSources("hosts: dns files", ownDNS: false).list == [.libraryForBoth])
    }

    @Test("resolv.conf has servers, search domains and options")
    func settings() {
        let settings = DNSSettings(
            """
            # comment
            ; another
            nameserver 192.0.2.1 # the first
            nameserver nonsense
            nameserver 2001:db8::1
            nameserver 192.0.2.3
            nameserver 192.0.2.4
            domain old.test
            search a.test b.test
             nameserver 192.0.2.5
            options ndots:2 timeout:7 attempts:3 rotate edns0 unknown:9 ndots:x
            options use-vc no-aaaa no-tld-query
            lookup file bind
            """,
            hostName: "me.home.test"
        )
        let servers = ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.3:53"]
        #expect(settings.servers.map(\.description) == servers)
        #expect(settings.search == ["a.test", "b.test"])
        #expect((settings.dots, settings.timeout, settings.attempts) == (2, .seconds(7), 3))
        #expect(settings.rotates && settings.usesTCP && settings.skipsIPv6)
        #expect(settings.skipsTopLevel && settings.isComplete)
        #expect(!DNSSettings("sortlist 192.0.2.0").isComplete)
    }

    @Test("Without a word in resolv.conf this machine is asked, in its own domain")
    func defaults() {
        let settings = DNSSettings("nameserver\noptions\nsearch\ndomain", hostName: "me.home.test")
        #expect(settings.servers == [.ipv4(.loopback, port: 53)])
        #expect(settings.search == [])
        #expect(DNSSettings("", hostName: "me.home.test").search == ["home.test"])
        #expect(DNSSettings("", hostName: "me").search == [])
        #expect((settings.dots, settings.timeout, settings.attempts) == (1, .seconds(5), 2))
        let tooLong = String(repeating: "9", count: 40)
        let bounds = DNSSettings("options ndots:99 timeout:0 attempts:99 attempts:\(tooLong)")
        #expect((bounds.dots, bounds.timeout, bounds.attempts) == (15, .seconds(1), 5))
    }

    @Test("A short name is tried in the search domains")
    func candidates() {
        let settings = DNSSettings("search a.test b.test.\noptions ndots:2")
        #expect(settings.candidates(for: "x") == ["x.a.test", "x.b.test", "x"])
        #expect(settings.candidates(for: "x.y") == ["x.y.a.test", "x.y.b.test", "x.y"])
        #expect(settings.candidates(for: "x.y.z") == ["x.y.z", "x.y.z.a.test", "x.y.z.b.test"])
        #expect(settings.candidates(for: "x.") == ["x"])
        #expect(DNSSettings("search .").candidates(for: "x") == ["x"])
        let none = DNSSettings("search a.test\noptions no-tld-query")
        #expect(none.candidates(for: "x") == ["x.a.test"])
        #expect(none.candidates(for: "x.y") == ["x.y", "x.y.a.test"])
    }

    @Test("The hosts file means what getent(1) says that it means")
    func hosts() throws {
        let text = """
            # 127.0.0.1 comment.test
            127.0.0.5 shop.test Alias.Test\t#alias
            127.0.0.6\tSHOP.test   shop.test
             ::1 shop.test
            127.0.0.5 shop.test
            fe80::1%lo zone.test
            127.0.0.010 zero.test
            bad line.test
            127.0.0.7
            127.0.0.8 dot.test.
            ::ffff:127.0.0.9 mapped.test

            """
        let all = HostsFile(Array(text.utf8), takesAllLines: true)
        func found(_ hosts: HostsFile, _ name: String) -> [String]? {
            hosts[name]?.map(\.description)
        }
        #expect(found(all, "shop.test") == ["127.0.0.5", "127.0.0.6", "::1"])
        #expect(found(all, "Shop.Test") == found(all, "shop.test"))
        #expect(found(all, "ALIAS.test") == ["127.0.0.5"])
        #expect(found(all, "mapped.test") == ["::ffff:127.0.0.9"])
        #expect(found(all, "dot.test.") == ["127.0.0.8"])
        for name in ["comment.test", "zone.test", "zero.test", "line.test", "dot.test"] {
            #expect(found(all, name) == nil, "\(name)")
        }
        let first = HostsFile(Array(text.utf8), takesAllLines: false)
        #expect(found(first, "shop.test") == ["127.0.0.5"])
        #expect(HostsFile([0, 0xff, 0x0a, 0xfe], takesAllLines: true)["x"] == nil)
    }

    @Test("Files that change are read again, those that are not there say nothing")
    func changes() throws {
        let folder = TemporaryDirectory()
        var kept = try ResolverConfiguration.read(after: nil, in: folder.path)
        #expect(kept.configuration.sources.list == [.hostsFile, .dns])
        #expect(kept.configuration.dns.servers == [.ipv4(.loopback, port: 53)])
        #expect(kept.configuration.hosts["a.test"] == nil)

        func write(_ text: String, to name: String) throws {
            try #require(makeFile(folder.file(name), with: text))
        }
        func found(_ name: String) throws -> [String]? {
            kept = try ResolverConfiguration.read(after: kept, in: folder.path)
            return kept.configuration.hosts[name]?.map(\.description)
        }
        try write("127.0.0.1 a.test\n::1 a.test\n", to: "hosts")
        #expect(try found("a.test") == ["127.0.0.1"])
        #expect(try found("a.test") == ["127.0.0.1"])
        try write("multi on\n", to: "host.conf")
        #expect(try found("a.test") == ["127.0.0.1", "::1"])
        try write("127.0.0.2 a.test\n", to: "hosts")
        #expect(try found("a.test") == ["127.0.0.2"])
        removeFile(folder.file("hosts"))
        #expect(try found("a.test") == nil)
        try write("127.0.0.3 a.test\n", to: "hosts")
        #expect(try found("a.test") == ["127.0.0.3"])

        try write("hosts: files dns\n", to: "nsswitch.conf")
        try write("nameserver 192.0.2.1\n", to: "resolv.conf")
        _ = try found("a.test")
        #expect(kept.configuration.dns.servers.map(\.description) == ["192.0.2.1:53"])
        // What only the C library obeys is left to it.
        try write("precedence ::ffff:0:0/96 100\n", to: "gai.conf")
        _ = try found("a.test")
        #expect(kept.configuration.sources.list == [.hostsFile, .library])
    }

    @Test("host.conf and gai.conf")
    func others() {
        #expect(ResolverConfiguration.takesAllLines("order hosts,bind\nmulti on\n"))
        #expect(!ResolverConfiguration.takesAllLines("multi off"))
        #expect(!ResolverConfiguration.takesAllLines("#multi on"))
        #expect(!ResolverConfiguration.takesAllLines(""))
        #expect(ResolverConfiguration.hasSettings("# a\n  precedence ::ffff:0:0/96 100"))
        #expect(ResolverConfiguration.hasSettings("label ::1/128 0"))
        #expect(!ResolverConfiguration.hasSettings("#precedence ::ffff:0:0/96 100\nreload no"))
    }
}
