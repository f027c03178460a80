package deploy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/apim-edge/apim-edge/internal/testkit"
)

// TestTheManifestIsCurrent: kubernetes.yaml is made by helm, which is too large for
// this test. So it says what it was made from.
func TestTheManifestIsCurrent(t *testing.T) {
	hash, err := exec.Command("../.ci/deploy/hash").Output()
	testkit.Must(t, err)
	want := "# from: sha256:" + string(hash)
	if !strings.Contains(testkit.Read(t, "kubernetes.yaml"), want) {
		t.Error("deploy/kubernetes.yaml is older than the chart or kubernetes-values.yaml; run: make manifest")
	}
}

// manifest has the objects of a manifest by their kind.
type manifest map[string]node

func manifestOf(t *testing.T, text string) manifest {
	t.Helper()
	all := manifest{}
	for _, part := range strings.Split(text, "\n---\n") {
		object := parse(t, part)
		if kind := object.at("kind").text(); all[kind].value != nil {
			t.Fatalf("there are two of the kind %s", kind)
		} else {
			all[kind] = object
		}
	}
	return all
}

func (m manifest) pod() node       { return m["Deployment"].at("spec", "template", "spec") }
func (m manifest) container() node { return m.pod().at("containers", 0) }

// TestManifestsKeepTheirRules holds kubernetes.yaml, and every rendering of the chart
// in the folder MANIFESTS, to what restricted Pod Security and the edge ask for.
func TestManifestsKeepTheirRules(t *testing.T) {
	files := []string{"kubernetes.yaml"}
	if folder := os.Getenv("MANIFESTS"); folder != "" {
		rendered, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
		if err != nil || len(rendered) < 3 {
			t.Fatalf("found %q, %v, want every rendering", rendered, err)
		}
		files = append(files, rendered...)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			m := manifestOf(t, testkit.Read(t, file))
			for _, rule := range []func(manifest, *testing.T){
				manifest.isRestricted, manifest.servesItsPorts, manifest.outlivesTheDrain, manifest.guardsTheAdminListener,
				manifest.selectsItsPods, manifest.mountsFolders, manifest.scalesByStreams, manifest.spreads,
				manifest.takesVariablesFromSecrets, manifest.rollsWithItsConfiguration,
			} {
				rule(m, t)
			}
		})
	}
}

// want compares what stands at a place with what has to.
func want(t *testing.T, what string, got node, want any) {
	t.Helper()
	if !reflect.DeepEqual(got.value, want) {
		t.Errorf("%s: got %v, want %v", what, got.value, want)
	}
}

// isRestricted holds the restricted profile of the Pod Security Standards, and more.
func (m manifest) isRestricted(t *testing.T) {
	pod, container := m.pod(), m.container()
	want(t, "runAsNonRoot", pod.at("securityContext", "runAsNonRoot"), true)
	want(t, "runAsUser", pod.at("securityContext", "runAsUser"), 65532) // that of the Dockerfile
	want(t, "seccompProfile", pod.at("securityContext", "seccompProfile", "type"), "RuntimeDefault")
	want(t, "allowPrivilegeEscalation", container.at("securityContext", "allowPrivilegeEscalation"), false)
	want(t, "readOnlyRootFilesystem", container.at("securityContext", "readOnlyRootFilesystem"), true)
	want(t, "capabilities", container.at("securityContext", "capabilities"), map[string]any{"drop": []any{"ALL"}})
	want(t, "automountServiceAccountToken", pod.at("automountServiceAccountToken"), false)
	want(t, "enableServiceLinks", pod.at("enableServiceLinks"), false)
	for _, open := range []string{"hostNetwork", "hostPID", "hostIPC"} {
		want(t, open, pod.at(open), nil)
	}
	for _, volume := range pod.at("volumes").list() {
		if volume.at("configMap").value == nil && volume.at("secret").value == nil {
			t.Errorf("the volume %v is neither a ConfigMap nor a Secret", volume.value)
		}
	}
	if !strings.Contains(testkit.Read(t, "../Dockerfile"), "USER 65532:65532") {
		t.Error("the image runs as somebody else")
	}
}

// servesItsPorts: the names of ports lead to what the configuration listens on.
func (m manifest) servesItsPorts(t *testing.T) {
	c := load(t, m["ConfigMap"].at("data", "config.yaml").text())
	ports := map[string]string{}
	for _, p := range m.container().at("ports").list() {
		ports[p.at("name").text()] = ":" + p.at("containerPort").text()
	}
	if want := map[string]string{"http": c.Listen.Address, "admin": c.Admin.Address}; !maps.Equal(ports, want) {
		t.Errorf("the ports are %v, but the edge listens on %v", ports, want)
	}
	for probe, path := range map[string]string{"readinessProbe": "/readyz", "livenessProbe": "/healthz"} {
		want(t, probe, m.container().at(probe, "httpGet"), map[string]any{"path": path, "port": "admin"})
	}
}

// outlivesTheDrain: the grace period counts from the start of preStop.
func (m manifest) outlivesTheDrain(t *testing.T) {
	c := load(t, m["ConfigMap"].at("data", "config.yaml").text())
	sleep := m.container().at("lifecycle", "preStop", "sleep", "seconds").int()
	needs := sleep + int(toEnd(c).Seconds())
	if got := m.pod().at("terminationGracePeriodSeconds").int(); got < needs || sleep < 1 {
		t.Errorf("killed after %d s with a sleep of %d s, but the drain needs %d s", got, sleep, needs)
	}
	want(t, "strategy", m["Deployment"].at("spec", "strategy", "rollingUpdate"), map[string]any{"maxUnavailable": 0, "maxSurge": 1})
}

// guardsTheAdminListener: nobody but Prometheus may connect to it, and no Service leads there.
func (m manifest) guardsTheAdminListener(t *testing.T) {
	for _, p := range m["Service"].at("spec", "ports").list() {
		want(t, "targetPort of the Service", p.at("targetPort"), "http")
	}
	rules := m["NetworkPolicy"].at("spec", "ingress").list()
	if len(rules) != 2 {
		t.Fatalf("the NetworkPolicy has %d rules, want one for each port", len(rules))
	}
	want(t, "first port", rules[0].at("ports"), []any{map[string]any{"protocol": "TCP", "port": "http"}})
	want(t, "second port", rules[1].at("ports"), []any{map[string]any{"protocol": "TCP", "port": "admin"}})
	from := rules[1].at("from").list()
	if len(from) != 1 || !from[0].at("podSelector", "matchLabels").some() || !from[0].at("namespaceSelector", "matchLabels").some() {
		t.Errorf("the admin listener is open to %v, want pods of a namespace", rules[1].at("from").value)
	}
	want(t, "policyTypes", m["NetworkPolicy"].at("spec", "policyTypes"), []any{"Ingress"})
}

// selectsItsPods: whatever selects pods selects these, and their labels are those that
// the alerts expect of a job.
func (m manifest) selectsItsPods(t *testing.T) {
	labels, _ := m["Deployment"].at("spec", "template", "metadata", "labels").value.(map[string]any)
	selectors := map[string]node{
		"Deployment": m["Deployment"].at("spec", "selector", "matchLabels"), "Service": m["Service"].at("spec", "selector"),
		"NetworkPolicy":       m["NetworkPolicy"].at("spec", "podSelector", "matchLabels"),
		"PodDisruptionBudget": m["PodDisruptionBudget"].at("spec", "selector", "matchLabels"),
	}
	for i, spread := range m.pod().at("topologySpreadConstraints").list() {
		selectors[fmt.Sprint("spread ", i)] = spread.at("labelSelector", "matchLabels")
	}
	if monitor, there := m["PodMonitor"]; there {
		selectors["PodMonitor"] = monitor.at("spec", "selector", "matchLabels")
		want(t, "jobLabel", monitor.at("spec", "jobLabel"), "app.kubernetes.io/name")
		want(t, "endpoint", monitor.at("spec", "podMetricsEndpoints", 0, "port"), "admin")
	}
	for who, selector := range selectors {
		wanted, _ := selector.value.(map[string]any)
		for name, value := range wanted {
			if labels[name] != value {
				t.Errorf("the %s wants %s: %v, the pods have %v", who, name, value, labels[name])
			}
		}
		if len(wanted) == 0 {
			t.Errorf("the %s selects every pod", who)
		}
	}
	want(t, "name", node{labels["app.kubernetes.io/name"]}, "apim-edge")
	want(t, "unhealthyPodEvictionPolicy", m["PodDisruptionBudget"].at("spec", "unhealthyPodEvictionPolicy"), "AlwaysAllow")
}

// mountsFolders: a file mounted by subPath would never change, and each file that the
// configuration names below /run/secrets is of a Secret that is mounted there.
func (m manifest) mountsFolders(t *testing.T) {
	var folders []string
	for _, mount := range m.container().at("volumeMounts").list() {
		want(t, "subPath", mount.at("subPath"), nil)
		want(t, "readOnly", mount.at("readOnly"), true)
		folders = append(folders, mount.at("mountPath").text())
	}
	if args := m.container().at("args"); !slices.Contains(folders, filepath.Dir(args.at(2).text())) {
		t.Errorf("%v reads a file of no mounted folder: %q", args.value, folders)
	}
	for _, word := range strings.FieldsFunc(m["ConfigMap"].at("data", "config.yaml").text(), func(r rune) bool { return r == ' ' || r == '\n' }) {
		if file := strings.TrimPrefix(word, "file:"); strings.HasPrefix(file, "/run/secrets/") && !slices.Contains(folders, filepath.Dir(file)) {
			t.Errorf("%s is in no mounted folder: %q", file, folders)
		}
	}
}

// scalesByStreams: where there is an autoscaler, it and not the Deployment says how
// many pods there are.
func (m manifest) scalesByStreams(t *testing.T) {
	hpa, there := m["HorizontalPodAutoscaler"]
	if there == (m["Deployment"].at("spec", "replicas").value != nil) {
		t.Error("want replicas or an autoscaler, and not both")
	}
	if !there {
		return
	}
	want(t, "metric", hpa.at("spec", "metrics", 0, "pods", "metric", "name"), scaledBy)
	want(t, "what is scaled", hpa.at("spec", "scaleTargetRef", "name"), m["Deployment"].at("metadata", "name").value)
	if hpa.at("spec", "behavior", "scaleDown", "stabilizationWindowSeconds").int() < 600 {
		t.Error("pods are taken away before fewer have been enough for ten minutes")
	}
}

// spreads: over zones and over nodes.
func (m manifest) spreads(t *testing.T) {
	var over []string
	for _, spread := range m.pod().at("topologySpreadConstraints").list() {
		over = append(over, spread.at("topologyKey").text())
	}
	if wanted := []string{"topology.kubernetes.io/zone", "kubernetes.io/hostname"}; !slices.Equal(over, wanted) {
		t.Errorf("the pods are spread over %q, want %q", over, wanted)
	}
}

// takesVariablesFromSecrets: each variable that the configuration names is there, and its
// value stands in a Secret.
func (m manifest) takesVariablesFromSecrets(t *testing.T) {
	there := map[string]bool{}
	for _, variable := range m.container().at("env").list() {
		there[variable.at("name").text()] = true
		if variable.at("value").value != nil || variable.at("valueFrom", "secretKeyRef", "name").value == nil {
			t.Errorf("the variable %v is of no Secret", variable.value)
		}
	}
	for _, m := range regexp.MustCompile(`\benv:(\w+)`).FindAllStringSubmatch(m["ConfigMap"].at("data", "config.yaml").text(), -1) {
		if !there[m[1]] {
			t.Errorf("the configuration asks for %s, which no container has", m[1])
		}
	}
}

// rollsWithItsConfiguration: where the pods are replaced for a change of it, their template
// has its hash.
func (m manifest) rollsWithItsConfiguration(t *testing.T) {
	hash := m["Deployment"].at("spec", "template", "metadata", "annotations", "checksum/config")
	if hash.value == nil {
		return // reload: watch
	}
	sum := sha256.Sum256([]byte(strings.TrimSuffix(m["ConfigMap"].at("data", "config.yaml").text(), "\n")))
	want(t, "checksum/config", hash, hex.EncodeToString(sum[:]))
}

const scaledBy = "apim_edge_streams_open"

// TestAnEdgeAnswersWhatTheManifestAsks runs an edge with the ConfigMap's configuration:
// probes are answered, and the metric that pods are scaled by is there.
func TestAnEdgeAnswersWhatTheManifestAsks(t *testing.T) {
	m := manifestOf(t, testkit.Read(t, "kubernetes.yaml"))
	get := serve(t, load(t, m["ConfigMap"].at("data", "config.yaml").text()))
	for _, probe := range []string{"readinessProbe", "livenessProbe"} {
		path := m.container().at(probe, "httpGet", "path").text()
		if status, body := get(path); status != 200 {
			t.Errorf("%s: %s is answered with %d: %s", probe, path, status, body)
		}
	}
	if _, metrics := get("/metrics"); !strings.Contains(metrics, "\n"+scaledBy+"{") {
		t.Errorf("there is no metric %s", scaledBy)
	}
}
