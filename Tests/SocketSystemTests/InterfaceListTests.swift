import TestKit
import Testing

@testable import SocketSystem

@Suite(.fewAtOnce, .endsHangs)
struct InterfaceListTests {
    @Test("The loopback interface is found by name and by index")
    func loopback() throws {
        let index = try #require(try InterfaceList.index(ofName: "lo"))
        #expect(InterfaceList.name(ofIndex: index) == "lo")
        #expect(try InterfaceList.mtu(ofName: "lo") > 0)
        #expect(try InterfaceList.entries().contains { $0.name == "lo" && $0.address != nil })
    }

    @Test("Names that cannot be are not found", arguments: ["", "lo\0", "lo:1", "no such", "x9x9"])
    func unknownNames(name: String) throws {
        #expect(try InterfaceList.index(ofName: name) == nil)
    }

    @Test("The MTU of an interface that is not there is an error")
    func unknownMTU() {
        #expect(throws: Errno.noSuchDevice) { try InterfaceList.mtu(ofName: "x9x9") }
        #expect(throws: Errno.noSuchDevice) {
            try InterfaceList.mtu(ofName: String(repeating: "x", count: 50))
        }
        #expect(InterfaceList.name(ofIndex: 0) == nil)
        #expect(InterfaceList.name(ofIndex: .max) == nil)
    }
}
