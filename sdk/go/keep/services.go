// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package keep

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/arvados-s3/keepstore/locator"
	"github.com/arvados-s3/keepstore/sdk/go/api"
)

// staleAfter is how long a list of services is used.
const staleAfter = 5 * time.Minute

// service is one Keep service.
type service struct {
	uuid, url string
	readOnly  bool
	// proxy says that it stores all copies itself.
	proxy bool
}

// fixed makes services of URLs, with the UUIDs that stock clients give them.
func fixed(urls []string) ([]service, error) {
	var all []service
	for i, text := range urls {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" {
			return nil, fault(NoService, nil, "a Keep service must be given as a URL such as http://127.0.0.1:25107")
		}
		all = append(all, service{uuid: fmt.Sprintf("00000-bi6l4-%015d", i), url: u.Scheme + "://" + u.Host, proxy: true})
	}
	return all, nil
}

// list returns the services, asking the API server when the last answer is
// old or did not help.
func (c *Client) list(ctx context.Context, again bool) ([]service, error) {
	c.mu.Lock()
	known, fresh := c.services, time.Since(c.foundAt) < staleAfter && !again
	c.mu.Unlock()
	if len(c.options.Services) > 0 || fresh && len(known) > 0 {
		return known, nil
	}
	found, err := c.find(ctx)
	if err != nil {
		if len(known) > 0 && ctx.Err() == nil {
			return known, nil // an API server that is down need not stop reads
		}
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.services, c.foundAt = found, time.Now()
	return found, nil
}

func (c *Client) find(ctx context.Context) ([]service, error) {
	var reply struct {
		Items []struct {
			UUID     string `json:"uuid"`
			Host     string `json:"service_host"`
			Port     int    `json:"service_port"`
			SSL      bool   `json:"service_ssl_flag"`
			Type     string `json:"service_type"`
			ReadOnly bool   `json:"read_only"`
		}
	}
	if err := c.api.Call(ctx, http.MethodGet, "arvados/v1/keep_services/accessible", api.Params{"limit": 1000}, &reply); err != nil {
		return nil, err
	}
	var found []service
	for _, item := range reply.Items {
		scheme := "http"
		if item.SSL {
			scheme = "https"
		}
		found = append(found, service{
			uuid: item.UUID, url: scheme + "://" + net.JoinHostPort(item.Host, strconv.Itoa(item.Port)),
			readOnly: item.ReadOnly, proxy: item.Type == "proxy",
		})
	}
	if len(found) == 0 {
		return nil, fault(NoService, nil, "the API server %s names no Keep service that this program can reach", c.api.Address())
	}
	return found, nil
}

// order sorts services for a block as all Keep clients do: by descending
// weight, which is the MD5 of the hash and the end of the UUID. Those that
// hints name come first.
func order(services []service, hash locator.Hash, hints []string) []service {
	weights := make(map[string]string, len(services))
	for _, s := range services {
		weights[s.uuid] = weight(hash, s.uuid)
		if i := slices.Index(hints, s.uuid); i >= 0 {
			weights[s.uuid] = "z" + string(rune('z'-min(i, 20))) // above all hex digits, the first hint highest
		}
	}
	sorted := slices.Clone(services)
	slices.SortStableFunc(sorted, func(a, b service) int { return strings.Compare(weights[b.uuid], weights[a.uuid]) })
	return sorted
}

// weight takes the last 15 characters of a UUID of the usual length, as the
// Go client of Arvados does.
func weight(hash locator.Hash, uuid string) string {
	if len(uuid) == 27 {
		uuid = uuid[12:]
	}
	sum := md5.Sum([]byte(string(hash) + uuid))
	return hex.EncodeToString(sum[:])
}

// hinted returns the service UUIDs in the +K@ hints of a locator.
func hinted(l locator.Locator) []string {
	var uuids []string
	for hint := range strings.SplitSeq(l.String(), "+") {
		if uuid, ok := strings.CutPrefix(hint, "K@"); ok {
			uuids = append(uuids, uuid)
		}
	}
	return uuids
}

// desired returns in how many copies blocks are to be stored.
func (c *Client) desired(ctx context.Context) (int, error) {
	c.mu.Lock()
	n := max(c.options.Replicas, c.replicas)
	c.mu.Unlock()
	if n > 0 {
		return n, nil
	}
	var discovery struct {
		Default int `json:"defaultCollectionReplication"`
	}
	if err := c.api.Call(ctx, http.MethodGet, "discovery/v1/apis/arvados/v1/rest", nil, &discovery); err != nil {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.replicas = max(discovery.Default, 1)
	return c.replicas, nil
}
