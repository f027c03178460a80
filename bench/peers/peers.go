// Package peers is what apim-edge is compared with: one table entry per peer,
// its configuration beside it in a folder of its name, kept as well as an
// expert would. All do the same rewrite: Authorization: Bearer KEY becomes
// api-key: KEY, connections to the upstream are kept, events are not held back,
// no access log is written, save by those whose name says so.
package peers

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"text/template"

	"github.com/apim-edge/apim-edge/bench/internal/tokens"
)

//go:embed */*.tmpl
var templates embed.FS

// Role says what a row of a table is there for.
type Role string

// The roles. Ratios are taken to the best row of role General.
const (
	Direct  Role = "direct"  // no proxy: what the load and the upstream cost
	Edge    Role = "edge"    // apim-edge
	General Role = "general" // a general proxy
	// Variation is a general proxy that does more; no ratio is taken to it.
	Variation Role = "variation"
	Gateway   Role = "gateway" // an LLM gateway: parses bodies, does more
	Floor     Role = "floor"   // moves bytes and understands nothing
)

// Variant is what a peer does besides.
type Variant string

// The variants.
const (
	Bridge Variant = "bridge" // v1 paths become legacy ones, by the model
	Two    Variant = "two"    // two upstreams, with failover
	Usage  Variant = "usage"  // tokens in answers are counted
	Limits Variant = "limits" // requests are counted, and none refused
	// Buffered gathers the lines of the access log.
	Buffered Variant = "buffered"
)

// Peer is something that is measured.
type Peer struct {
	Name string
	Role Role
	// Note is told in the report: how the peer differs from the others.
	Note string
	// Binary is a path or a name to look up; see Home.find. Built peers are
	// built by the bench from Package.
	Binary  []string
	Package string
	// VersionArgs make the binary print its version.
	VersionArgs []string
	Argv        func(binary string, i Instance) []string
	Env         func(i Instance) []string
	// Fields are request field lines that tell the peer where to forward to.
	Fields func(i Instance) []string
	// Allocations says that the admin address serves go_memstats_mallocs_total.
	Allocations bool
	AccessLog   bool // a line for each exchange goes to the instance's LogFile
	Census      bool // callers are counted
	// Variant has the peer do more than the others; its files say what.
	Variant Variant
	// Path is where the requests go; empty: where those of all peers do.
	Path string
	// Only lists the workloads that make sense; empty: all. What keeps a peer
	// from the others is told in its Note.
	Only []string
	// PlainClients says that the peer cannot speak TLS with clients.
	PlainClients bool
}

// Instance is a peer about to be started: what its configuration is made of.
type Instance struct {
	Dir          string // the instance's own folder
	Port         int    // to listen on
	AdminPort    int
	UpstreamHost string // an address, or a name; empty: 127.0.0.1
	UpstreamPort int
	UpstreamName string // in the upstream's certificate
	UpstreamTLS  bool
	ClientTLS    bool
	CAFile       string
	CertFile     string
	KeyFile      string
	PairFile     string // certificate and key in one file
	Key          string
	Cores        int // for as many it has threads, loops or workers
	Connections  int // most connections from clients
	Files        int // file descriptors that may be open
	AccessLog    bool
	Census       bool
	Pprof        bool // the admin address serves profiles
	Variant      Variant
	// Tokens has the peer let only those through who show a token of this issuer, and show
	// Key to the upstream itself; nil: everybody passes, with a key of his own.
	Tokens *tokens.Files
	// Resolver is the name server that knows UpstreamHost, and may change its mind;
	// empty: UpstreamHost stays where it is.
	Resolver string
}

// Listen is the address for clients.
func (i Instance) Listen() string { return fmt.Sprintf("127.0.0.1:%d", i.Port) }

// Admin is the address for figures of the peer itself.
func (i Instance) Admin() string { return fmt.Sprintf("127.0.0.1:%d", i.AdminPort) }

// Upstream is the address of the mock upstream.
func (i Instance) Upstream() string {
	return fmt.Sprintf("%s:%d", cmp.Or(i.UpstreamHost, "127.0.0.1"), i.UpstreamPort)
}

// LogLevel is the level that goes with AccessLog.
func (i Instance) LogLevel() string {
	if i.AccessLog {
		return "info"
	}
	return "warn"
}

// Clusters are the names under which the upstream is asked.
func (i Instance) Clusters() []string {
	if i.Variant == Two {
		return []string{"legacy", "other"}
	}
	return []string{"legacy"}
}

// WorkerConnections is how many connections one worker may have, where each worker
// holds memory for all that it may have.
func (i Instance) WorkerConnections() int { return max(65536/i.Cores, 4096) }

// File is the path of one of the instance's configuration files.
func (i Instance) File(name string) string { return filepath.Join(i.Dir, name) }

// LogFile is where the access log goes. A peer that has no setting for it writes to its
// standard output, which is this file then.
func (i Instance) LogFile() string { return i.File("access.log") }

// WriteFiles writes the configuration files from the templates in the peer's
// folder.
func (p *Peer) WriteFiles(i Instance) error {
	folder := p.folder()
	entries, err := templates.ReadDir(folder)
	if err != nil {
		return nil // peers built by the bench take flags
	}
	for _, entry := range entries {
		text, err := templates.ReadFile(folder + "/" + entry.Name())
		if err != nil {
			return err
		}
		t, err := template.New(entry.Name()).Parse(string(text))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := t.Execute(&out, i); err != nil {
			return err
		}
		if err := os.WriteFile(i.File(strings.TrimSuffix(entry.Name(), ".tmpl")), out.Bytes(), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// folder is the peer's folder here: variants and versions of one program share it.
func (p *Peer) folder() string { return version.ReplaceAllString(p.Name, "") }

var version = regexp.MustCompile(`(-\d.*)?(\+.*)?$`)

// Home is where bench/peers/install puts what it installs.
func Home() string {
	if home := os.Getenv("BENCH_PEERS_HOME"); home != "" {
		return home
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "/nonexistent"
	}
	return filepath.Join(cache, "apim-edge-bench")
}

// Find returns the peer's program, or why there is none. built is the folder
// with the programs that the bench has built.
func (p *Peer) Find(built string) (string, error) {
	if p.Package != "" {
		path := filepath.Join(built, filepath.Base(p.Package))
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s did not build", p.Package)
		}
		return path, nil
	}
	for _, candidate := range p.Binary {
		if strings.Contains(candidate, "/") && !filepath.IsAbs(candidate) {
			candidate = filepath.Join(Home(), candidate)
		}
		found, _ := filepath.Glob(candidate)
		if len(found) > 0 {
			return found[0], nil
		}
		if path, err := exec.LookPath(candidate); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("not installed; bench/peers/install %s", base(p.Name))
}

// base is the name of what is installed for a peer.
func base(name string) string {
	name, _, _ = strings.Cut(name, "+")
	return name
}

// Version returns the first line with a digit that the program prints about
// itself.
func (p *Peer) Version(binary string) string {
	if len(p.VersionArgs) == 0 {
		return ""
	}
	cmd := exec.Command(binary, p.VersionArgs...)
	output, _ := cmd.CombinedOutput()
	for line := range strings.Lines(string(output)) {
		line = strings.TrimSpace(strings.ReplaceAll(line, binary, ""))
		if strings.ContainsAny(line, "0123456789") {
			return line
		}
	}
	return ""
}
