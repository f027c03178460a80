package export

import (
	"slices"
	"strings"
)

// forwardRules writes what the upstream is told besides credentials.
func (h *haproxy) forwardRules() {
	h.gap()
	h.note("What the upstream is told of who asks. What a client says of itself is not believed.")
	trusted := ""
	if nets := h.conf.TrustedProxies; len(nets) > 0 {
		trusted = "{ src " + strings.Join(nets, " ") + " }"
		h.do("set-var(txn.for) req.fhdr(x-forwarded-for) if %s", trusted)
		h.do("set-var(txn.proto) req.hdr(x-forwarded-proto) if %s", trusted)
		h.do("set-var(txn.host) req.hdr(x-forwarded-host) if %s", trusted)
	}
	h.do("del-header x-forwarded- -m beg")
	for _, name := range append(slices.Clone(spoken), "Proxy-Connection") {
		if !strings.HasPrefix(name, "X-Forwarded-") {
			h.do("del-header %s", name)
		}
	}
	h.do("del-header x-apim-edge- -m beg")
	proto := "http"
	if h.conf.Listen.TLS.CertFile != "" {
		proto = "https"
	}
	h.do("set-header X-Forwarded-For %%[src]")
	h.do("set-header X-Forwarded-Proto %s", proto)
	h.do("set-header X-Forwarded-Host %%[req.hdr(host)]")
	if trusted != "" {
		h.do("set-header X-Forwarded-For '%%[var(txn.for)], %%[src]' if { var(txn.for) -m len 1: }")
		h.do("set-header X-Forwarded-Proto %%[var(txn.proto)] if { var(txn.proto) -m len 1: }")
		h.do("set-header X-Forwarded-Host %%[var(txn.host)] if { var(txn.host) -m len 1: }")
	}
	h.do("set-header X-Request-Id %%[uuid()] unless { req.fhdr(x-request-id) -m reg '^[!-~]{1,128}$' }")
	h.do("del-header Upgrade unless { req.hdr(upgrade) -i websocket }")
	if !h.up.PreserveHost {
		h.do("set-header Host %s", sq(h.url.Host))
	}
	if h.cors() && h.route.CORS.WithholdOrigin {
		h.do("del-header Origin")
	}
}
