package clientkey

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apim-edge/apim-edge/internal/option"
)

// Options are what the configuration says of one client.
type Options struct {
	// Keys are hashes, as Hash writes them. Several overlap while a key is exchanged.
	Keys []string
	// Expires is the last day, or the moment, on which the keys are good. Empty: never.
	Expires string
	// Routes that the client may use. Empty: each that asks for clients.
	Routes []string
}

// The texts of faults.
const (
	wrongNoKey = "a client has at least one key; apim-edge key new makes one"
	wantEnd    = "a day, such as 2027-06-30, or a moment, such as 2027-06-30T12:00:00Z"
	wrongKey   = "this is the key itself, which does not belong here (it is not shown); write its hash: apim-edge key hash"
	wrongHash  = "a key is written as sha256: and 64 hexadecimal digits, as apim-edge key new prints it"
	wrongTwice = "this key stands at %s already: whose it is would be chance"
)

// Faults returns every mistake of all clients, in their order.
func Faults(clients map[string]Options) (found option.Faults) {
	owner := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		o := clients[name]
		if len(o.Keys) == 0 {
			found = append(found, option.Fault{Key: name + ".keys", Text: wrongNoKey})
		}
		for i, k := range o.Keys {
			f := option.Fault{Key: name + ".keys[" + strconv.Itoa(i) + "]", Text: HashFault(k)}
			if other, twice := owner[strings.ToLower(k)]; f.Text == "" && twice {
				f.Text = fmt.Sprintf(wrongTwice, other)
			}
			if f.Text != "" {
				found = append(found, f)
			}
			owner[strings.ToLower(k)] = "clients." + f.Key
		}
		if _, err := ends(o.Expires); err != nil {
			found = append(found, option.Fault{Key: name + ".expires", Found: o.Expires, Want: wantEnd})
		}
	}
	return found
}

// HashFault says why a text is no hash of a key, or "". It never repeats the text, which
// may be the key itself.
func HashFault(k string) string {
	digits, ok := strings.CutPrefix(k, scheme)
	switch raw, err := hex.DecodeString(digits); {
	case !ok && strings.HasPrefix(k, prefix):
		return wrongKey
	case !ok || err != nil || len(raw) != 32:
		return wrongHash
	}
	return ""
}

// ends returns the moment from which on a key is no good: the end of a day, in UTC.
func ends(expires string) (time.Time, error) {
	if expires == "" {
		return time.Time{}, nil
	}
	if day, err := time.Parse(time.DateOnly, expires); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, expires)
	if err != nil {
		return time.Time{}, fmt.Errorf("neither a day nor a moment")
	}
	return at, nil
}
