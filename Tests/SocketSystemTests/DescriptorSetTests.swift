import SocketSystem
import TestKit
import Testing

@Suite(.fewAtOnce, .endsHangs)
struct DescriptorSetTests {
    @Test("Members come back in order, across the words that hold them")
    func membersComeInOrder() {
        var set = DescriptorSet()
        let members: [CInt] = [0, 1, 63, 64, 65, 127, 500, 1023]
        for member in members.shuffled() { set.insert(member) }
        var found: [CInt] = []
        var next = set.first(from: 0)
        while let member = next {
            found.append(member)
            next = set.first(from: member + 1)
        }
        #expect(found == members)
        #expect(set.first(from: 1024) == nil)
    }

    @Test("The extent is one more than the largest member")
    func extent() {
        var set = DescriptorSet()
        #expect(set.extent == 0)
        for member: CInt in [0, 5, 63, 64, 700, 1023] {
            set.insert(member)
            #expect(set.extent == member + 1)
        }
        set.remove(1023)
        #expect(set.extent == 701)
        #expect(!set.contains(1023) && set.contains(700))
    }

    @Test("A union has the members of both")
    func union() {
        var (left, right) = (DescriptorSet(), DescriptorSet())
        left.insert(3)
        right.insert(900)
        let union = left.union(right)
        #expect(union.contains(3) && union.contains(900) && !union.contains(4))
    }

    @Test("A number without a bit traps instead of writing past the set", arguments: [-1, 1024])
    func outOfRange(number: CInt) async {
        await #expect(processExitsWith: .failure) { [number] in
            var set = DescriptorSet()
            set.insert(number)
        }
    }
}
