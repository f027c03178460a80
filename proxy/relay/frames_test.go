package relay

import (
	"encoding/binary"
	"strings"
	"testing"
)

// TestACloseFrameIsKnown holds which bytes close a WebSocket, wherever reads split them.
func TestACloseFrameIsKnown(t *testing.T) {
	const mask = "\x01\x02\x03\x04"
	long := "\x82\x7e\x01\x00" + strings.Repeat("\x88", 256)
	longer := "\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00" + strings.Repeat("\x88\x00", 1<<15)
	for _, tc := range []struct {
		name, bytes string
		want        bool
	}{
		{"nothing", "", false},
		{"a Close frame", "\x88\x00", true},
		{"with a code", "\x88\x02\x03\xe8", true},
		{"with a code and a reason", "\x88\x05\x03\xe8bye", true},
		{"from a client", "\x88\x80" + mask, true},
		{"from a client, with a code", "\x88\x82" + mask + "\x02\xea", true},
		{"behind a message", "\x81\x05hello\x88\x00", true},
		{"behind an empty message", "\x81\x00\x88\x00", true},
		{"behind an empty message of a client", "\x81\x80" + mask + "\x88\x80" + mask, true},
		{"behind fragments with a ping between them", "\x01\x03Hel\x89\x00\x80\x02lo\x88\x00", true},
		{"behind a compressed message", "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x88\x00", true},
		{"behind a frame of an extension", "\x83\x01x\x88\x00", true},
		{"behind a message of 256 bytes that look like one", long + "\x88\x00", true},
		{"behind a message of 64 KiB that look like one", longer + "\x88\x00", true},
		{"more behind it", "\x88\x00\x81\x05hello", true},

		{"no frame has ended in one", "\x81\x05hello", false},
		{"one inside a message", "\x81\x02\x88\x00", false},
		{"messages that look like one", long + longer, false},
		{"its head alone", "\x88", false},
		{"without its masking key", "\x88\x80\x01\x02\x03", false},
		{"without the end of its reason", "\x88\x05\x03\xe8by", false},
		{"a fragmented one", "\x08\x00\x88\x00", false},
		{"one that is longer than it may be", "\x88\x7e\x00\x7e" + strings.Repeat("x", 126) + "\x88\x00", false},
		{"behind a length that nothing has", "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff\x88\x00", false},
		{"behind the longest length, which is not there", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + mask + "\x88\x80" + mask, false},
		{"text of another protocol", "hello client, \x88\x00", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var whole, single frames
			whole.Feed([]byte(tc.bytes))
			for i := range tc.bytes {
				var f frames
				f.Feed([]byte(tc.bytes[:i]))
				f.Feed([]byte(tc.bytes[i:]))
				if f.closed != tc.want {
					t.Fatalf("split at %d: closed is %v, want %v", i, f.closed, tc.want)
				}
				single.Feed([]byte{tc.bytes[i]})
			}
			if whole.closed != tc.want || single.closed != tc.want {
				t.Errorf("closed is %v, and %v byte by byte, want %v", whole.closed, single.closed, tc.want)
			}
		})
	}
}

// FuzzFrames holds that reads of any size come to the same as a reading of the whole.
func FuzzFrames(f *testing.F) {
	f.Add([]byte("\x81\x05hello\x88\x80\x01\x02\x03\x04"), 3)
	f.Add([]byte("\x82\x7e\x00\x03abc\x88\x02\x03\xe8"), 5)
	f.Add([]byte("\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01\x88\x00"), 9)
	f.Fuzz(func(t *testing.T, p []byte, size int) {
		var got frames
		size = max(1, size)
		for i := 0; i < len(p); i += min(size, len(p)-i) {
			got.Feed(p[i:min(len(p), i+min(size, len(p)-i))])
		}
		if want := hasCloseFrame(p); got.closed != want {
			t.Errorf("%q in pieces of %d: closed is %v, want %v", p, size, got.closed, want)
		}
	})
}

// hasCloseFrame reads the picture of section 5.2 from bytes that are all there.
func hasCloseFrame(p []byte) bool {
	for len(p) >= 2 {
		opcode, final := p[0]&0x0f, p[0]&0x80 != 0
		rest, length := p[2:], uint64(p[1]&0x7f)
		switch {
		case length == 126 && len(rest) >= 2:
			length, rest = uint64(binary.BigEndian.Uint16(rest)), rest[2:]
		case length == 127 && len(rest) >= 8:
			length, rest = binary.BigEndian.Uint64(rest), rest[8:]
		case length >= 126:
			return false
		}
		if opcode >= 8 && !final || opcode == 8 && length > 125 || length>>63 != 0 {
			return false
		}
		if p[1]&0x80 != 0 {
			length += 4
		}
		if uint64(len(rest)) < length {
			return false
		}
		if opcode == 8 {
			return true
		}
		p = rest[length:]
	}
	return false
}

func TestFramesAllocateNothing(t *testing.T) {
	message := []byte("\x81\x05hello\x82\x7e\x01\x00" + strings.Repeat("x", 256))
	var f frames
	if n := testing.AllocsPerRun(100, func() { f.Feed(message) }); n != 0 {
		t.Errorf("%v allocations for a read, want none", n)
	}
}
