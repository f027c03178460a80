package wire

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestABufferKeepsItsBytes holds the few operations of a buffer.
func TestABufferKeepsItsBytes(t *testing.T) {
	full := bytes.Repeat([]byte("x"), BufSize)
	for _, tc := range []struct {
		name string
		do   func(b *Buf)
		want string
		free int
	}{
		{"a new one is empty", func(*Buf) {}, "", BufSize},
		{"Add appends", func(b *Buf) { b.Add([]byte("hel")); b.Add([]byte("lo")) }, "hello", BufSize - 5},
		{"Consume drops the first bytes", func(b *Buf) { b.Add([]byte("hello")); b.Consume(2) }, "llo", BufSize - 5},
		{"Consume of all gives all room back", func(b *Buf) { b.Add([]byte("hello")); b.Consume(5) }, "", BufSize},
		{"Hold takes a head out", func(b *Buf) { b.Add([]byte("hello")); b.Hold(2) }, "llo", BufSize - 5},
		{"what is held keeps its room", func(b *Buf) { b.Add([]byte("hello")); b.Hold(2); b.Consume(3) }, "", BufSize - 5},
		{"Let gives the room back", func(b *Buf) { b.Add([]byte("hello")); b.Hold(2); b.Consume(3); b.Let() }, "", BufSize},
		{"Set takes what was appended", func(b *Buf) { b.Set(append(b.Empty(), "hello"...)) }, "hello", BufSize - 5},
		{"Add uses the room in front before it grows", func(b *Buf) {
			b.Add(full)
			b.Consume(BufSize - 1)
			b.Add([]byte("yz"))
		}, "xyz", BufSize - 3},
		{"MakeRoom uses the room in front before it grows", func(b *Buf) {
			b.Add(full)
			b.Consume(BufSize - 1)
			b.MakeRoom(BufSize)
		}, "x", BufSize - 1},
		{"MakeRoom leaves a buffer with room alone", func(b *Buf) { b.Add([]byte("x")); b.MakeRoom(BufSize) }, "x", BufSize - 1},
		{"MakeRoom doubles a full buffer", func(b *Buf) { b.Add(full); b.MakeRoom(BufSize + 1) }, string(full), BufSize},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b := (&Loop{}).GetBuf()
			if tc.do(b); string(b.Bytes()) != tc.want || b.Len() != len(tc.want) || len(b.Free()) != tc.free {
				t.Errorf("%d bytes %.20q with room for %d, want %d bytes %.20q with room for %d",
					b.Len(), b.Bytes(), len(b.Free()), len(tc.want), tc.want, tc.free)
			}
		})
	}
}

// TestAddGrowsAsNeeded holds that no backlog is too long for a buffer.
func TestAddGrowsAsNeeded(t *testing.T) {
	b, want := (&Loop{}).GetBuf(), pattern(5*BufSize)
	for i := 0; i < len(want); i += BufSize / 4 {
		b.Add(want[i : i+BufSize/4])
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%d bytes, not those that were added, want %d", b.Len(), len(want))
	}
}

// TestWhatIsHeldStaysWhereItIs holds that a parsed head can be looked at while the
// body behind it comes in, however long it is.
func TestWhatIsHeldStaysWhereItIs(t *testing.T) {
	for name, more := range map[string]func(b *Buf){
		"Add":      func(b *Buf) { b.Add(pattern(2 * BufSize)) },
		"MakeRoom": func(b *Buf) { b.Add(make([]byte, len(b.Free()))); b.MakeRoom(1 << 20) },
	} {
		b := (&Loop{}).GetBuf()
		b.Add([]byte("before"))
		b.Consume(6)
		b.Add([]byte("headbody"))
		head := b.Hold(4)
		more(b)
		b.Consume(4)
		b.Add(pattern(BufSize))
		if string(head) != "head" {
			t.Errorf("%s: the head is now %q", name, head)
		}
		b.Let()
	}
}

// TestMakeRoomKeepsToItsLimit holds limits.head.
func TestMakeRoomKeepsToItsLimit(t *testing.T) {
	b := (&Loop{}).GetBuf()
	b.Add(make([]byte, BufSize))
	if b.MakeRoom(BufSize) {
		t.Errorf("room beyond %d bytes for a buffer that holds %d", BufSize, b.Len())
	}
}

// TestNoBufferIsAnEmptyOne holds that who holds none need not ask.
func TestNoBufferIsAnEmptyOne(t *testing.T) {
	var none *Buf
	none.Release()
	none.Consume(0)
	if none.Len() != 0 || none.Bytes() != nil {
		t.Errorf("no buffer has %d bytes, %q", none.Len(), none.Bytes())
	}
}

// TestTheStoreOfBuffersIsBounded holds that buffers are used again, that one
// stalled client after another does not leave the sum of their backlogs behind,
// and that what a large head has taken does not stay with a buffer.
func TestTheStoreOfBuffersIsBounded(t *testing.T) {
	l := &Loop{}
	first := l.GetBuf()
	first.Add([]byte("hello"))
	first.Release()
	if again := l.GetBuf(); again != first || again.Len() != 0 {
		t.Errorf("the next buffer is %p with %d bytes, want %p, emptied", again, again.Len(), first)
	}
	var many [2 * keepBufs]*Buf
	for i := range many {
		many[i] = l.GetBuf()
	}
	for _, b := range many {
		b.Release()
	}
	if len(l.bufs) != keepBufs {
		t.Errorf("%d buffers are kept, want %d", len(l.bufs), keepBufs)
	}
	for range keepBufs {
		b := l.GetBuf()
		b.Add(make([]byte, BufSize+1))
		b.Release()
	}
	for _, b := range l.bufs {
		if len(b.data) != BufSize || b.Len() > 0 {
			t.Fatalf("a free buffer has %d of %d bytes, want none of %d", b.Len(), len(b.data), BufSize)
		}
	}
}

// TestGrownSpaceIsNobodysTwice has buffers grow and shrink, with heads held in them, and
// holds that each has its own bytes: what one has grown out of is another's next.
func TestGrownSpaceIsNobodysTwice(t *testing.T) {
	l, random := &Loop{}, rand.New(rand.NewPCG(12, 1))
	type one struct {
		b          *Buf
		want, head []byte
		held       []byte // a copy of head
	}
	var all [8]one
	for i := range all {
		all[i].b = l.GetBuf()
	}
	for range 3000 {
		o := &all[random.IntN(len(all))]
		switch random.IntN(8) {
		case 0, 1, 2:
			p := bytes.Repeat([]byte{byte(random.Uint32())}, random.IntN(3*BufSize))
			o.b.Add(p)
			o.want = append(o.want, p...)
		case 3:
			if o.b.MakeRoom(2*largestSpace) && len(o.want) < largestSpace {
				free := o.b.Free()
				for i := range free {
					free[i] = byte(i)
				}
				o.b.w += len(free)
				o.want = append(o.want, free...)
			}
		case 4:
			n := random.IntN(len(o.want) + 1)
			o.b.Consume(n)
			o.want = o.want[n:]
		case 5:
			if o.head == nil && len(o.want) > 0 {
				n := 1 + random.IntN(len(o.want))
				o.head = o.b.Hold(n)
				o.held, o.want = bytes.Clone(o.head), o.want[n:]
			}
		case 6:
			o.b.Let()
			o.head, o.held = nil, nil
		default:
			o.b.Release()
			*o = one{b: l.GetBuf()}
		}
		for i := range all {
			if o := &all[i]; !bytes.Equal(o.b.Bytes(), o.want) || !bytes.Equal(o.head, o.held) {
				t.Fatalf("a buffer has %d bytes and a head of %d, not those that were put there", o.b.Len(), len(o.head))
			}
		}
	}
}
