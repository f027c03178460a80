// Package deploycheck holds what deploy/ is made of against the types of those who
// will read it. It has a go.mod of its own: they are large, and the product needs none.
package deploycheck

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	gateway "sigs.k8s.io/gateway-api/apis/v1"
	"sigs.k8s.io/yaml"
)

const deploy = "../../deploy/"

// kinds are the types of what a manifest may hold.
var kinds = map[string]func() any{
	"v1 ConfigMap":                           func() any { return &core.ConfigMap{} },
	"v1 Service":                             func() any { return &core.Service{} },
	"v1 ServiceAccount":                      func() any { return &core.ServiceAccount{} },
	"apps/v1 Deployment":                     func() any { return &apps.Deployment{} },
	"autoscaling/v2 HorizontalPodAutoscaler": func() any { return &autoscaling.HorizontalPodAutoscaler{} },
	"networking.k8s.io/v1 NetworkPolicy":     func() any { return &networking.NetworkPolicy{} },
	"policy/v1 PodDisruptionBudget":          func() any { return &policy.PodDisruptionBudget{} },
	"gateway.networking.k8s.io/v1 HTTPRoute": func() any { return &gateway.HTTPRoute{} },
	"monitoring.coreos.com/v1 PodMonitor":    func() any { return &monitoring.PodMonitor{} },
}

// TestManifestsAreOfTheirTypes decodes each object strictly: a field that its type does
// not have, one that stands there twice, and a value of another type are faults.
// MANIFESTS names a folder with further renderings of the chart.
func TestManifestsAreOfTheirTypes(t *testing.T) {
	seen := map[string]bool{}
	for _, file := range manifests(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i, part := range bytes.Split(text, []byte("\n---\n")) {
			kind, err := decode(part)
			if err != nil {
				t.Errorf("%s, object %d: %v", filepath.Base(file), i, err)
			}
			seen[kind] = true
		}
	}
	if os.Getenv("MANIFESTS") == "" {
		return
	}
	for kind := range kinds {
		if !seen[kind] {
			t.Errorf("no rendering has a %s: values in deploy/helm/apim-edge/ci should ask for one", kind)
		}
	}
}

// manifests returns the files to look at.
func manifests(t *testing.T) []string {
	t.Helper()
	folder := os.Getenv("MANIFESTS")
	rendered, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	switch {
	case folder == "":
		return []string{deploy + "kubernetes.yaml"}
	case err != nil || len(rendered) < 2:
		t.Fatalf("found %q, %v, want every rendering", rendered, err)
	}
	return append(rendered, deploy+"kubernetes.yaml")
}

// TestWrongManifestsAreFound holds that the decoder is as strict as it has to be.
func TestWrongManifestsAreFound(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"a field that nobody knows", "apiVersion: v1\nkind: Service\nspec: {prots: []}\n"},
		{"another type", "apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: two}\n"},
		{"a field twice", "apiVersion: v1\nkind: Service\nspec: {type: ClusterIP, type: NodePort}\n"},
		{"a kind that nobody expects", "apiVersion: v1\nkind: Secret\n"},
		{"nothing", "# only words\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := decode([]byte(tc.text)); err == nil {
				t.Errorf("%q is taken", tc.text)
			}
		})
	}
}

// decode returns the kind of an object.
func decode(text []byte) (string, error) {
	var head struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(text, &head); err != nil {
		return "", err
	}
	kind := head.APIVersion + " " + head.Kind
	make, known := kinds[kind]
	if !known {
		return kind, fmt.Errorf("%q is no kind that is expected here", kind)
	}
	return kind, yaml.UnmarshalStrict(text, make())
}

// TestComposeTakesTheFile loads compose.yaml as Compose does, with its schema.
func TestComposeTakesTheFile(t *testing.T) {
	load := func(env ...string) error {
		options, err := cli.NewProjectOptions([]string{deploy + "compose.yaml"}, cli.WithEnv(env), cli.WithInterpolation(true))
		if err != nil {
			return err
		}
		project, err := options.LoadProject(context.Background())
		if err != nil {
			return err
		}
		if names := project.ServiceNames(); !reflect.DeepEqual(names, []string{"balancer", "edge", "grafana", "prometheus"}) {
			return fmt.Errorf("it has the services %q", names)
		}
		return nil
	}
	if err := load("APIM_URL=https://contoso.azure-api.net"); err != nil {
		t.Error(err)
	}
	if err := load(); err == nil {
		t.Error("it is taken without APIM_URL")
	}
}
