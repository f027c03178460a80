package arch

// A pattern names a folder of the module; "x/..." is x and all below it.
type pattern = string

// row places one folder.
type row struct {
	folder  pattern
	imports []pattern
	why     string
}

// mayImport says which packages of the project each folder may import, its own
// subfolders aside. Imports point inwards, so the list of a folder holds only
// folders that stand above it here. The first pattern that fits counts, and a
// folder without one is a fault: whoever adds a package says where it belongs.
// Tests may import anything.
var mayImport = []row{
	// The core: bytes in, bytes out, decisions and values.
	{"internal/option", nil, "whoever owns options speaks of mistakes in its words"},
	{"rewrite", []pattern{"internal/option"}, "it is pure and can be fuzzed and explained alone"},
	{"corsx", []pattern{"internal/option"}, "it knows raw heads and a policy, no route and no server"},
	{"internal/edgeerr", nil, "everything else speaks of errors in its words"},
	{"proxy/jsonskip", nil, "it is pure: pieces of a value in, its end out"},
	{"proxy/bridge", []pattern{"internal/edgeerr", "internal/option", "proxy/jsonskip"}, "it is pure: bytes in, a decision out"},
	{"proxy/trace", nil, "it decides, and holds times: whoever knows exchanges fills it"},
	{"proxy/usage", []pattern{"proxy/jsonskip"}, "it is pure: bytes of an answer in, numbers out"},
	{"internal/secret", nil, "a secret must not meet a logger on its way"},
	{"internal/logsink", nil, "it moves lines and knows nothing of their content"},
	{"internal/sockets", nil, "it opens what is listened on, or takes it over, and knows nobody who accepts"},
	{"internal/takeover", nil, "it tells one process from another and knows no server"},
	{"internal/signals", nil, "what it imports is initialised before it, and delays it"},
	{"internal/health", nil, "it holds causes and knows nobody who has one"},
	{"internal/identity/keyset", nil, "it reads keys and knows nobody who has published them"},
	{"internal/identity/token", []pattern{"internal/edgeerr", "internal/identity/keyset", "internal/option"}, "it judges texts: keys and time are handed in"},
	{"internal/identity/issuer", []pattern{"internal/secret", "internal/identity/keyset", "internal/identity/token"}, "it has keys and judges nobody"},
	{"internal/identity/seen", nil, "it remembers verdicts of whatever kind"},
	{"internal/identity/clientkey", []pattern{"internal/edgeerr", "internal/option"}, "it knows hashes and no request"},
	{"internal/identity", []pattern{
		"rewrite", "internal/edgeerr", "internal/secret", "internal/identity/clientkey", "internal/identity/issuer",
		"internal/identity/keyset", "internal/identity/seen", "internal/identity/token",
	}, "it judges requests and knows no route and no configuration"},
	{"internal/identity/identitytest", nil, "it plays the issuer, so it must not share code with who judges its tokens"},
	{"internal/config", []pattern{"rewrite", "corsx", "internal/secret", "internal/identity/clientkey", "internal/identity/keyset", "internal/identity/token", "internal/option", "proxy/bridge"}, "it is data and knows no server; options are checked by whom they belong to"},
	{"internal/identity/upkeep", []pattern{"internal/secret"}, "it keeps values and knows nobody who gives or uses them"},
	{"internal/identity/azure", []pattern{"internal/secret", "internal/identity/upkeep"}, "it asks Azure, and knows nobody who wants to know"},
	{"internal/identity/azuretest", nil, "it plays Azure, so it must not share code with who asks"},
	{"internal/config/gen", []pattern{"internal/config"}, "it writes the reference of the configuration"},
	{"internal/hint", nil, "it is pure: bytes of an answer in, a word out"},
	{"internal/apimpolicy", nil, "it reads documents and knows no configuration"},
	{"internal/memo", nil, "it remembers what others make of texts, and knows nothing of either"},
	{"internal/who", []pattern{"internal/memo"}, "it is pure: a credential in, a name out that tells nothing of it"},
	{"internal/curl", nil, "it reads command lines and knows no edge"},
	{"internal/arch", nil, "it only reads source"},
	{"internal/testcpu", nil, "it reads a clock of the processor"},
	{"internal/testcert", nil, "it makes a certificate and knows nobody who shows it"},
	{"internal/testkit", nil, "it is for tests of everything, and knows nothing of it"},

	// The data path.
	{"proxy/wire", nil, "it is the lowest layer: buffers and sockets"},
	{"proxy/relay", []pattern{"internal/edgeerr", "internal/hint", "proxy/usage", "proxy/wire"}, "it moves body bytes and knows no route"},
	{"proxy/upstream", []pattern{"rewrite", "internal/edgeerr", "proxy/wire"}, "it owns connections, knows what each is told, and knows no exchange"},
	{"proxy/head", []pattern{"corsx", "rewrite", "internal/edgeerr"}, "it is pure bytes and knows no exchange"},
	{"proxy/record", []pattern{"rewrite", "internal/edgeerr", "internal/hint", "internal/memo", "internal/who", "proxy/trace", "proxy/usage"}, "it is told of exchanges and knows none"},
	{"proxy/admit", []pattern{"internal/edgeerr"}, "its gates judge values and know no exchange"},
	{"proxy/route", []pattern{
		"corsx", "rewrite", "internal/config", "internal/edgeerr", "internal/identity", "internal/identity/clientkey", "internal/secret",
		"proxy/admit", "proxy/bridge", "proxy/head", "proxy/record", "proxy/trace", "proxy/upstream", "proxy/wire",
	}, "it is configuration compiled and knows no exchange"},
	{"proxy", []pattern{
		"corsx", "rewrite", "internal/config", "internal/edgeerr", "internal/hint", "internal/identity", "internal/identity/issuer", "internal/memo", "internal/who",
		"proxy/admit", "proxy/bridge", "proxy/head", "proxy/record", "proxy/relay", "proxy/route", "proxy/trace", "proxy/upstream", "proxy/usage", "proxy/wire",
	}, "it tells the story of one exchange with the parts above"},
	{"proxy/front", []pattern{"internal/config", "internal/edgeerr", "proxy", "proxy/wire"}, "it accepts connections and hands them to proxy"},
	{"proxy/proxytest", []pattern{
		"internal/config", "internal/edgeerr", "internal/testcert", "internal/testkit", "proxy", "proxy/admit", "proxy/front", "proxy/record", "proxy/route", "proxy/trace", "proxy/upstream", "proxy/wire",
	}, "it is the harness of tests of proxy and proxy/front"},

	{"internal/census", []pattern{"rewrite", "internal/edgeerr", "internal/hint", "internal/who", "proxy/record"}, "it observes records and knows no exchange"},

	// What runs it.
	{"internal/identity/keyring", []pattern{
		"internal/config", "internal/health", "internal/secret", "internal/identity/upkeep", "proxy/upstream",
	}, "it hands values to the data path, and is handed who gives them"},
	{"internal/otlp", []pattern{"internal/config", "internal/secret", "proxy/record", "proxy/trace"}, "it is told of exchanges, and knows none"},
	{"internal/page", []pattern{"rewrite", "internal/edgeerr", "internal/hint", "proxy/record"}, "it makes text of what it observes and is handed, and serves nobody"},
	{"internal/shares", []pattern{"internal/config", "internal/secret", "proxy/admit", "proxy/route"}, "it asks a store for what the limits of routes may let pass, and knows no exchange"},
	{"internal/admin", []pattern{"internal/config", "internal/page", "internal/secret"}, "it shows what others hand to it"},
	{"internal/lookalike", nil, "it plays the upstream, so it must not share code with the edge"},
	{"internal/demo", []pattern{"internal/lookalike"}, "it is handed the edge as a function"},
	{"internal/carryover/bicep", nil, "it reads files and knows no policy"},
	{"internal/carryover", []pattern{"corsx", "rewrite", "internal/apimpolicy", "internal/carryover/bicep", "internal/config", "internal/identity/token", "internal/secret"}, "it writes a configuration, and leaves it to others to load it"},
	{"internal/doctor", []pattern{"rewrite", "internal/config", "internal/edgeerr", "internal/hint", "internal/secret"}, "it looks at the API from outside, as its clients do"},
	{"internal/report", []pattern{"internal/census", "internal/doctor"}, "it reads censuses and asks nobody"},
	{"internal/export", []pattern{"internal/config"}, "it writes text of a configuration, and knows no program that reads it"},
	{"internal/service", []pattern{
		"internal/admin", "internal/census", "internal/config", "internal/edgeerr", "internal/health", "internal/logsink", "internal/otlp", "internal/page", "internal/secret",
		"internal/identity/azure", "internal/identity/keyring", "internal/report", "internal/shares", "internal/sockets",
		"proxy", "proxy/front", "proxy/record", "proxy/route", "proxy/wire",
	}, "it puts a running edge together"},
	{"configs", nil, "it is two files, for the binary"},
	{"cmd/...", []pattern{"configs", "corsx", "rewrite", "internal/...", "proxy/..."}, "it is the outermost layer"},

	// Tools and black boxes see the edge from outside.
	{"e2e/internal/edge", []pattern{"internal/testkit"}, "it starts the built binary and looks at it from outside"},
	{"e2e/internal/raw", nil, "it speaks on sockets and knows no protocol"},
	{"e2e/internal/peer", []pattern{"internal/testcert", "e2e/internal/raw"}, "it accepts connections and knows nobody who plays on them"},
	{"e2e/internal/load", []pattern{
		"internal/edgeerr", "internal/testcert", "internal/testkit", "e2e/internal/edge", "e2e/internal/peer", "e2e/internal/raw",
	}, "it is the engine and knows no situation"},
	{"e2e/...", []pattern{"internal/edgeerr", "internal/lookalike", "internal/testcert", "internal/testkit"}, "it tests the built binary over sockets"},
	{"deploy", nil, "it has files for operators, and the tests that hold them to the edge: no code"},
	{"bench/...", []pattern{"internal/lookalike", "internal/testcert"}, "it measures the edge as it measures its peers"},
}

// onlyIn names packages that few folders may import.
var onlyIn = []struct {
	imported pattern
	folders  []pattern
	why      string
}{
	{"github.com/knadh/koanf/...", []pattern{"internal/config"}, "the rest of the code sees one struct"},
	{"github.com/go-jose/...", []pattern{"internal/identity/keyset", "internal/identity/token"}, "tokens are believed in one place"},
	{"github.com/Azure/...", []pattern{"internal/identity/azure"}, "it is large, and the rest of the code sees readings"},
	{"github.com/AzureAD/...", []pattern{"internal/identity/azure"}, "it is large, and the rest of the code sees readings"},
	{"go.opentelemetry.io/...", []pattern{"internal/otlp", "e2e"}, "the rest of the code sees times of an exchange"},
	{"github.com/coreos/...", []pattern{"internal/sockets", "cmd/..."}, "only who starts and ends the process speaks with systemd"},
	{"github.com/redis/...", []pattern{"internal/shares"}, "the rest of the code sees what was lent"},
	{"github.com/google/pprof/...", []pattern{"bench"}, "the edge serves profiles and reads none"},
	{"github.com/rs/cors", []pattern{"corsx"}, "CORS is decided in one place"},
	{"net/http", []pattern{
		"corsx", // rs/cors is asked with its types
		"internal/admin", "internal/identity/...", "internal/otlp", "internal/service", "internal/lookalike", "internal/demo", "internal/doctor", "internal/testkit",
		"bench/...", "cmd/...", "e2e/...",
	}, "it would complete, retry, reorder or compress what the data path must pass on as it is"},
}

// never names what a folder must not import whatever the other tables say.
var never = []struct {
	folder   pattern
	imported []pattern
	why      string
}{
	{"rewrite", []pattern{"log/...", "math/rand/...", "net", "net/http/...", "os/...", "syscall", "time"}, "it is pure: no I/O, no clock, no chance"},
	{"internal/edgeerr", []pattern{"log/...", "net/...", "os/..."}, "it is a table"},
	{"internal/hint", []pattern{"log/...", "math/rand/...", "net", "net/http/...", "os/...", "syscall", "time"}, "it is pure: no I/O, no clock, no chance"},
	{"internal/apimpolicy", []pattern{"log/...", "math/rand/...", "net", "net/http/...", "os/...", "syscall", "time"}, "it is pure: no I/O, no clock, no chance"},
	{"internal/who", []pattern{"log/...", "math/rand/...", "net/...", "os/...", "syscall", "time"}, "it is pure: no I/O, no clock, no log"},
	{"internal/identity/token", []pattern{"log/...", "net/http/...", "os/...", "syscall", "github.com/rs/zerolog/..."}, "it is pure: no I/O, no log"},
	{"internal/identity/keyset", []pattern{"log/...", "net/...", "os/...", "syscall", "time", "github.com/rs/zerolog/..."}, "it is pure: no I/O, no clock, no log"},
	{"proxy/head", []pattern{"log/...", "math/rand/...", "net", "net/http/...", "os/...", "syscall", "github.com/rs/zerolog/..."}, "it is pure: no I/O, no chance, no log"},
	{"proxy/jsonskip", []pattern{"log/...", "math/rand/...", "net", "net/http/...", "os/...", "syscall", "time", "encoding/json"}, "it is pure, and passes over a value of any size"},
	{"proxy/bridge", []pattern{"log/...", "math/rand/...", "net", "net/http/...", "os/...", "syscall", "time", "encoding/json", "mime/..."}, "it is pure, and knows two keys of a body, not its values"},
	{"proxy/usage", []pattern{"log/...", "math/rand/...", "net", "net/http/...", "os/...", "syscall", "time", "encoding/json"}, "it is pure, and reads a few numbers of a body of any size"},
	{"proxy/admit", []pattern{"log/...", "net", "net/http/...", "os/...", "syscall", "github.com/rs/zerolog/..."}, "its verdicts are values: whoever asks acts on them"},
}

// A function fits on a screen and a file has one concern. Generated files and
// the functions of tests, which are tables, are exempt.
const (
	maxFunctionLines = 60
	maxFileLines     = 399
)
