// Copyright (C) The keepstore authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strconv"
	"strings"

	"github.com/arvados-s3/keepstore/sdk/go/collection"
)

// prices are those of 1,000 requests. HEAD is charged as GET.
type prices struct {
	list, get float64
	// unit stands before an amount, and may be empty.
	unit string
	// from says whose prices these are.
	from string
}

// awsPrices are the list prices of S3 Standard in us-east-1:
// https://aws.amazon.com/s3/pricing/ (requests and data retrievals).
func awsPrices() prices {
	return prices{list: 0.005, get: 0.0004, unit: "$", from: "the AWS list prices of us-east-1 for class STANDARD, as known in November 2026"}
}

// parsePrices reads LIST,GET; without a text the prices are those of AWS.
func parsePrices(text string) (prices, error) {
	if text == "" {
		return awsPrices(), nil
	}
	list, get, _ := strings.Cut(text, ",")
	p := prices{from: "--prices"}
	var err1, err2 error
	p.list, err1 = strconv.ParseFloat(list, 64)
	p.get, err2 = strconv.ParseFloat(get, 64)
	const most = 1e6
	if err1 != nil || err2 != nil || !(p.list >= 0 && p.list <= most && p.get >= 0 && p.get <= most) {
		return p, usagef("--prices must be the price of 1,000 LIST requests and that of 1,000 GET or HEAD requests, such as 0.005,0.0004")
	}
	return p, nil
}

// of is what requests cost.
func (p prices) of(r collection.Requests) string {
	amount := (float64(r.List)*p.list + (float64(r.Head)+float64(r.Get))*p.get) / 1000
	switch {
	case amount == 0:
		return "nothing"
	case amount < 1e-6:
		return "less than " + p.unit + "0.000001"
	}
	digits := 2
	if amount < 1 {
		digits = 6
	}
	return "about " + p.unit + strconv.FormatFloat(amount, 'f', digits, 64)
}

// priceRows tell what S3 was asked for, and what that costs and a read would.
func (r *report) priceRows() [][]string {
	all, read := r.Requests, collection.Requests{Get: r.Pieces}
	payer := "the owner of the bucket"
	if all.RequesterPays {
		payer = "the account of the credentials, where the access rule says requester_pays"
	}
	return [][]string{
		{"S3 requests made", plural(all.List, "LIST") + ", " + plural(all.Head, "HEAD") + ", " + plural(all.Get, "GET")},
		{"price of these", r.prices.of(all) + ", and an import makes them again"},
		{"price of one read", r.prices.of(read) + ", for " + plural(r.Pieces, "GET")},
		{"paid by", payer},
		{"prices", "estimates by " + r.prices.from},
		{"not in them", "transfer out of S3, retrieval from other classes, restores"},
	}
}

// ownerRows tell who owns how much.
func (r *report) ownerRows() [][]string {
	var rows [][]string
	for _, o := range r.Owners {
		who := o.ID
		switch {
		case who == "":
			who = "unknown"
		case o.Name != "":
			who += " (" + o.Name + ")"
		}
		rows = append(rows, []string{"owner", plural(o.Files, "file") + " with " + size(o.Bytes) + ": " + who})
	}
	return rows
}
