package peers

import (
	"fmt"
	"slices"
	"strings"
)

// all is the table of peers, in the order of the report.
var all = []Peer{
	{Name: "direct", Role: Direct, Note: "no proxy"},
	{
		Name: "apim-edge", Role: Edge, Package: "./cmd/apim-edge", VersionArgs: []string{"version"},
		Note: "its defaults, save the access log: off, as everywhere",
		Argv: edgeArgv, Env: goEnv, Allocations: true,
	},
	logging(Peer{
		Name: "apim-edge+log", Role: Edge, Package: "./cmd/apim-edge", Note: "its defaults; standard output is a file",
		Argv: edgeArgv, Env: goEnv, Allocations: true,
	}),
	{
		Name: "apim-edge+census", Role: Edge, Package: "./cmd/apim-edge", Note: "its defaults; callers are counted and saved",
		Argv: edgeArgv, Env: goEnv, Allocations: true, Census: true,
	},
	{
		Name: "apim-edge+bridge", Role: Edge, Package: "./cmd/apim-edge", Note: "v1 becomes legacy, by the model in the body",
		Argv: edgeArgv, Env: goEnv, Allocations: true, Variant: Bridge, Only: variantWorkloads, Path: "/openai/v1/chat/completions",
	},
	{
		Name: "apim-edge+two", Role: Edge, Package: "./cmd/apim-edge", Note: "two upstreams by chance, with failover",
		Argv: edgeArgv, Env: goEnv, Allocations: true, Variant: Two, Only: variantWorkloads,
	},
	{
		Name: "apim-edge+usage", Role: Edge, Package: "./cmd/apim-edge", Note: "tokens in answers are counted",
		Argv: edgeArgv, Env: goEnv, Allocations: true, Variant: Usage, Only: variantWorkloads,
	},
	{
		Name: "apim-edge+limits", Role: Edge, Package: "./cmd/apim-edge", Note: "requests are counted by credential, and none refused",
		Argv: edgeArgv, Env: goEnv, Allocations: true, Variant: Limits, Only: variantWorkloads,
	},
	{Name: "nginx", Role: General, Binary: []string{"nginx", "/usr/sbin/nginx"}, VersionArgs: []string{"-v"}, Argv: nginxArgv},
	{Name: "haproxy", Role: General, Binary: []string{"haproxy", "/usr/sbin/haproxy"}, VersionArgs: []string{"-v"}, Argv: haproxyArgv},
	newest(Peer{Name: "nginx-1.30", Argv: nginxArgv}),
	newest(Peer{Name: "haproxy-3.2", Argv: haproxyArgv}),
	logging(newest(Peer{Name: "nginx-1.30+log", Argv: nginxArgv, Note: "access_log: each line is written at once"})),
	logging(newest(Peer{Name: "nginx-1.30+buffered", Argv: nginxArgv, Note: "access_log buffer=64k flush=1s", Variant: Buffered})),
	logging(newest(Peer{Name: "haproxy-3.2+log", Argv: haproxyArgv, Note: "httplog to standard output, which is a file"})),
	{
		Name: "envoy", Role: General, VersionArgs: []string{"--version"}, Binary: envoyBinary, Argv: envoyArgv,
	},
	logging(Peer{
		Name: "envoy+log", Role: General, Binary: envoyBinary, Argv: envoyArgv, Note: "its default format, into a file",
	}),
	{
		Name: "envoy+two", Role: Variation, Binary: envoyBinary, Argv: envoyArgv, Note: "two clusters by chance, retries",
		Variant: Two, Only: variantWorkloads,
	},
	{
		Name: "envoy+limits", Role: Variation, Binary: envoyBinary, Argv: envoyArgv, Note: "local_ratelimit for all alike, and none refused",
		Variant: Limits, Only: variantWorkloads,
	},
	{
		Name: "caddy", Role: General, Binary: []string{"caddy/bin/caddy", "caddy"}, VersionArgs: []string{"version"},
		Argv: func(binary string, i Instance) []string {
			return []string{binary, "run", "--config", i.File("Caddyfile"), "--adapter", "caddyfile"}
		},
		Env: func(i Instance) []string {
			return append(goEnv(i), "XDG_CONFIG_HOME="+i.Dir, "XDG_DATA_HOME="+i.Dir)
		},
		Allocations: true,
	},
	{
		Name: "traefik", Role: General, Binary: []string{"traefik/bin/traefik", "traefik"}, VersionArgs: []string{"version"},
		Note: "sets a constant key: it cannot copy a field's value",
		Argv: func(binary string, i Instance) []string {
			return []string{binary, "--configFile=" + i.File("traefik.yaml")}
		},
		Env: goEnv, Allocations: true,
	},
	{
		Name: "reverseproxy", Role: General, Package: "./bench/peers/reverseproxy", Note: "httputil.ReverseProxy",
		Argv: goPeerArgv, Env: goEnv, Allocations: true,
	},
	{
		Name: "fasthttp", Role: General, Package: "./bench/peers/fasthttp", Note: "fasthttp's Server and HostClient",
		Argv: goPeerArgv, Env: goEnv, Allocations: true,
	},
	{
		Name: "litellm", Role: Gateway, Binary: []string{"litellm/bin/litellm"},
		Note: "parses bodies, sends a key of its own; fewer workloads",
		Argv: func(binary string, i Instance) []string {
			return []string{binary, "--config", i.File("config.yaml"), "--host", "127.0.0.1",
				"--port", fmt.Sprint(i.Port), "--num_workers", fmt.Sprint(i.Cores), "--telemetry", "False"}
		},
		Env: func(i Instance) []string {
			// Its price list would otherwise be fetched at the start.
			return []string{"LITELLM_LOCAL_MODEL_COST_MAP=True", "LITELLM_LOG=ERROR", "SSL_CERT_FILE=" + i.CAFile, "NO_DOCS=True"}
		},
		Only: []string{"small-closed", "sdk-closed", "sdk-model-last"}, PlainClients: true, // a hundred times slower than the next
	},
	{
		Name: "portkey", Role: Gateway, Binary: []string{"portkey/node_modules/.bin/gateway"},
		Note: "parses bodies, one process; fewer workloads",
		Argv: func(binary string, i Instance) []string {
			return []string{binary, fmt.Sprintf("--port=%d", i.Port), "--headless"}
		},
		Env: func(i Instance) []string {
			return []string{"NODE_EXTRA_CA_CERTS=" + i.CAFile, "NODE_ENV=production", "TRUSTED_CUSTOM_HOSTS=127.0.0.1,localhost"}
		},
		Fields: portkeyFields,
		Only:   parsedWorkloads, PlainClients: true,
	},
	{
		Name: "relay", Role: Floor, Package: "./bench/peers/relay", Note: "moves bytes, no rewrite",
		Argv: goPeerArgv, Env: goEnv, Allocations: true,
	},
}

// parsedWorkloads are those whose bodies a gateway can parse. Gateways answer a
// few hundred requests a second: the workloads that ask how much more than that
// is possible tell nothing about them.
var parsedWorkloads = []string{"small-closed", "small-open", "sdk-closed", "sdk-model-last", "events-paced", "departure"}

// variantWorkloads are those in which it is seen what a variant costs.
var variantWorkloads = []string{"sdk-closed", "sdk-model-last"}

// logWorkloads are those that end many exchanges: each writes one line.
var logWorkloads = []string{"small-closed", "small-open", "sdk-closed", "short-connections"}

// logging has a peer write its usual access line to a file.
func logging(p Peer) Peer {
	p.AccessLog, p.Only = true, logWorkloads
	return p
}

// newest is a program that bench/peers/install has unpacked beside the machine's own: of
// nginx-1.30 it is nginx-1.30/nginx.
func newest(p Peer) Peer {
	p.Role, p.VersionArgs = General, []string{"-v"}
	p.Binary = []string{base(p.Name) + "/" + p.folder()}
	return p
}

func nginxArgv(binary string, i Instance) []string {
	return []string{binary, "-p", i.Dir, "-c", i.File("nginx.conf"), "-e", "stderr"}
}

func haproxyArgv(binary string, i Instance) []string {
	return []string{binary, "-q", "-db", "-f", i.File("haproxy.cfg")}
}

var envoyBinary = []string{"envoy/lib/python3*/site-packages/envoy/_bin/envoy", "envoy"}

func envoyArgv(binary string, i Instance) []string {
	return []string{binary, "-c", i.File("envoy.yaml"), "--concurrency", fmt.Sprint(i.Cores),
		"--disable-hot-restart", "--log-level", "error"}
}

func portkeyFields(i Instance) []string {
	scheme := "http"
	if i.UpstreamTLS {
		scheme = "https"
	}
	return []string{
		"x-portkey-provider: azure-openai",
		"x-portkey-azure-resource-name: legacy",
		"x-portkey-azure-deployment-id: m",
		"x-portkey-azure-api-version: 2024-10-21",
		"x-portkey-custom-host: " + scheme + "://" + i.Upstream() + "/openai",
	}
}

func goEnv(i Instance) []string { return []string{fmt.Sprintf("GOMAXPROCS=%d", i.Cores)} }

func edgeArgv(binary string, i Instance) []string {
	return []string{binary, "serve", "--config", i.File("config.yaml")}
}

func goPeerArgv(binary string, i Instance) []string {
	argv := []string{binary, "-listen", i.Listen(), "-upstream", i.Upstream(), "-admin", i.Admin()}
	if i.UpstreamTLS {
		argv = append(argv, "-upstream-ca", i.CAFile, "-upstream-name", i.UpstreamName)
	}
	if i.ClientTLS {
		argv = append(argv, "-cert", i.CertFile, "-key", i.KeyFile)
	}
	return argv
}

// Newest is a word for the peers of the README's tables: the edge and the newest
// releases of three general proxies, without and with access logs.
const Newest = "newest"

var newestPeers = []string{
	"apim-edge", "apim-edge+log", "nginx-1.30", "haproxy-3.2", "nginx-1.30+log", "nginx-1.30+buffered",
	"haproxy-3.2+log", "envoy", "envoy+log",
}

// Names returns the names of all peers.
func Names() []string {
	var names []string
	for i := range all {
		names = append(names, all[i].Name)
	}
	return names
}

// Select returns the peers named, in the order of the table.
func Select(names []string) ([]*Peer, error) {
	if slices.Contains(names, Newest) {
		names = append(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == Newest }), newestPeers...)
	}
	for _, name := range names {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("no peer named %q; there are: %s", name, strings.Join(Names(), ", "))
		}
	}
	var selected []*Peer
	for i := range all {
		if slices.Contains(names, all[i].Name) {
			selected = append(selected, &all[i])
		}
	}
	return selected, nil
}
