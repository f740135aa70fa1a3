package connectwise

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestParseOrigin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, apiURL string
		insecure     bool
		want         string
	}{
		{"a bare host gets https", "psa.example.com", false, "https://psa.example.com"},
		{"a bare host keeps its port", "psa.example.com:8443", false, "https://psa.example.com:8443"},
		{"an origin is kept", "https://psa.example.com", false, "https://psa.example.com"},
		{"trailing slashes go", "https://psa.example.com///", false, "https://psa.example.com"},
		{"a stray path goes", "https://psa.example.com/v4_6_release/apis/3.0/", false, "https://psa.example.com"},
		{"a stray query goes", "psa.example.com/x?y=z#w", false, "https://psa.example.com"},
		{"space around goes and capitals are lowered", "  HTTPS://PSA.Example.com ", false, "https://psa.example.com"},
		{"the api host of a cloud region is kept", "api-eu.myconnectwise.net", false, "https://api-eu.myconnectwise.net"},
		{"the sign-in host of a cloud region becomes its api host", "eu.myconnectwise.net", false, "https://api-eu.myconnectwise.net"},
		{"the staging host becomes its api host", "https://staging.connectwisedev.com/", false, "https://api-staging.connectwisedev.com"},
		{"a public address in brackets is kept", "https://[2606:4700::1111]:8443", false, "https://[2606:4700::1111]:8443"},
		{"plain HTTP to this machine where allowed", "http://127.0.0.1:8443", true, "http://127.0.0.1:8443"},
		{"localhost where allowed", "localhost:8443", true, "https://localhost:8443"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseOrigin(tt.apiURL, tt.insecure)
			if err != nil || got != tt.want {
				t.Errorf("parseOrigin(%q, %t) = %q, %v, want %q", tt.apiURL, tt.insecure, got, err, tt.want)
			}
		})
	}
}

func TestParseOrigin_Refuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, apiURL string
		insecure     bool
	}{
		{"nothing", " ", true},
		{"a scheme without a host", "https://", true},
		{"another scheme", "ftp://psa.example.com", true},
		{"credentials", "https://user:pass@psa.example.com", true},
		{"a host with a space", "psa example.com", true},
		{"a host with a quote", `psa".example.com`, true},
		{"a broken port", "psa.example.com:port", true},
		{"plain HTTP", "http://psa.example.com", false},
		{"localhost", "localhost", false},
		{"a loopback address", "127.0.0.1", false},
		{"a private address", "https://10.1.2.3", false},
		{"a link-local address", "169.254.169.254", false},
		{"a private address in IPv6 clothes", "https://[::ffff:192.168.1.1]", false},
		{"a unique local address", "https://[fd00::1]", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseOrigin(tt.apiURL, tt.insecure)
			var field *ConfigError
			if !errors.As(err, &field) || field.Field != "APIURL" {
				t.Errorf("parseOrigin(%q, %t) = %q, %v, want a *ConfigError of APIURL", tt.apiURL, tt.insecure, got, err)
			}
		})
	}
}

func TestConfig_ValidateNamesEveryFaultyField(t *testing.T) {
	t.Parallel()
	valid := testConfig("psa.example.com")
	for _, tt := range []struct {
		name   string
		change func(*Config)
		fields []string
	}{
		{"nothing is set", func(c *Config) { *c = Config{} }, []string{"APIURL", "CompanyID", "PublicKey", "PrivateKey", "ClientID"}},
		{"the company is blank", func(c *Config) { c.CompanyID = "  " }, []string{"CompanyID"}},
		{"the company has a colon", func(c *Config) { c.CompanyID = "a:b" }, []string{"CompanyID"}},
		{"the private key has a line break inside", func(c *Config) { c.PrivateKey = "a\nb" }, []string{"PrivateKey"}},
		{"the call limit is negative", func(c *Config) { c.CallsPerMinute = -1 }, []string{"CallsPerMinute"}},
		{"all is well", func(*Config) {}, nil},
		{"pasted space around values does no harm", func(c *Config) { c.PrivateKey = " key \n" }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := valid
			tt.change(&config)
			_, err := NewClient(config)
			var got []string
			if joined, ok := err.(interface{ Unwrap() []error }); ok {
				for _, each := range joined.Unwrap() {
					var field *ConfigError
					if !errors.As(each, &field) {
						t.Fatalf("NewClient: %v is not a *ConfigError", each)
					}
					got = append(got, field.Field)
				}
			}
			if fmt.Sprint(got) != fmt.Sprint(tt.fields) {
				t.Errorf("NewClient blames %v (%v), want %v", got, err, tt.fields)
			}
		})
	}
}

func TestConfig_NeverShowsThePrivateKey(t *testing.T) {
	t.Parallel()
	config := testConfig("psa.example.com")
	client := mustClient(t, config)
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("configured", "config", config)
	for way, text := range map[string]string{
		"%v": fmt.Sprintf("%v", config), "%+v": fmt.Sprintf("%+v", config), "%#v": fmt.Sprintf("%#v", config),
		"String": config.String(), "pointer": fmt.Sprintf("%+v", &config), "slog": logged.String(),
		"a client": fmt.Sprintf("%v %+v %#v", *client, *client, *client), "a client in a struct": fmt.Sprintf("%+v", struct{ c Client }{*client}),
	} {
		if strings.Contains(text, testPrivateKey) {
			t.Errorf("%s shows the private key: %s", way, text)
		}
	}
	if !strings.Contains(config.String(), "PrivateKey: (set)") {
		t.Errorf("Config.String() = %s, want it to tell that the private key is set", config)
	}
}
