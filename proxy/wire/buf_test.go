package wire

import (
	"bytes"
	"testing"
)

// TestBuf holds the few operations of a buffer.
func TestBuf(t *testing.T) {
	b := GetBuf()
	if b.Len() != 0 || len(b.Free()) != BufSize {
		t.Fatalf("a fresh buffer has %d bytes and %d free", b.Len(), len(b.Free()))
	}
	b.Append([]byte("hello"))
	b.Consume(2)
	if string(b.Bytes()) != "llo" {
		t.Errorf("Bytes = %q, want llo", b.Bytes())
	}
	b.Append(bytes.Repeat([]byte("x"), len(b.Free())))
	if len(b.Free()) != 0 || !b.MakeRoom(64<<10) || len(b.Free()) == 0 || string(b.Bytes()[:4]) != "llox" {
		t.Errorf("after MakeRoom %d bytes free, content %q...", len(b.Free()), b.Bytes()[:4])
	}
	if b.MakeRoom(b.Len()) {
		t.Error("MakeRoom beyond the limit")
	}
	b.Consume(b.Len())
	if len(b.Free()) != BufSize {
		t.Errorf("%d bytes free in an empty buffer, want all", len(b.Free()))
	}
	b.Release()
	var none *Buf
	if none.Release(); none.Len() != 0 || none.Bytes() != nil {
		t.Error("a nil buffer is not empty")
	}
	if Holding(nil) != nil {
		t.Error("Holding of nothing is not nil")
	}
}
