package memo

import (
	"fmt"
	"testing"
)

// TestWhatIsKnownWasMadeOfTheText goes round more texts than there are places.
func TestWhatIsKnownWasMadeOfTheText(t *testing.T) {
	var zero Table[string]
	few := New[string](1)
	for _, table := range []*Table[string]{&zero, &few} {
		found := 0
		for i := range 1000 {
			text := fmt.Sprint(i / 2 % 200)
			value, known := table.At([]byte(text))
			if known && *value != text {
				t.Fatalf("%q is known as %q", text, *value)
			}
			if known {
				found++
			}
			*value = text
		}
		if found < 500 {
			t.Errorf("%d of 1000 texts are known, each of which comes twice in a row", found)
		}
	}
	if _, known := zero.At([]byte("new")); known {
		t.Error("what was never seen is known")
	}
}
