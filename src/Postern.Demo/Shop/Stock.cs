using System.Collections.Immutable;

namespace Postern.Demo.Shop;

/// <summary>What every demo starts with. Names are invented, mail domains reserved (RFC 2606), phone numbers from ranges kept for fiction.</summary>
internal static class Stock
{
    /// <summary>The customers.</summary>
    public static readonly ImmutableArray<Customer> Customers =
    [
        new("C-101", "Mia Hartmann", "mia.hartmann@example.com", "+49 30 23125 0141", "4111 1111 1111 1111", "Berlin", new(2021, 3, 9),
            "Prefers mail to mia.h@example.org. Card 5555-5555-5555-4444 was replaced in May."),
        new("C-102", "Jonas Lindqvist", "jonas@example.net", "+46 8 465 004 12", "5105 1051 0510 5100", "Stockholm", new(2022, 11, 24), "Leave parcels with the neighbour."),
        new("C-103", "Amara Okafor", "amara.okafor@example.org", "+44 20 7946 0321", "3782 822463 10005", "London", new(2023, 6, 1), "Invoice to accounts@example.org, please."),
        new("C-104", "Théo Garnier", "theo.garnier@example.com", "+33 1 99 00 48 27", "4012 8888 8888 1881", "Lyon", new(2024, 1, 17), "Two returns in a row; ask before the next one."),
        new("C-105", "Sofia Marković", "sofia.m@example.net", "+385 1 555 0136", "6011 1111 1111 1117", "Zagreb", new(2025, 8, 30), ""),
    ];

    /// <summary>The orders.</summary>
    public static readonly ImmutableArray<Order> Orders =
    [
        new(1041, "C-102", new(2026, 10, 28), "delivered", 64.80m, [new("Wool blanket, grey", 1, 49.90m), new("Tea towel", 2, 7.45m)]),
        new(1042, "C-101", new(2026, 11, 2), "delivered", 1249.00m, [new("Oak writing desk", 1, 1149.00m), new("Desk lamp, brass", 1, 100.00m)]),
        new(1043, "C-103", new(2026, 11, 5), "shipped", 318.00m, [new("Reading chair", 1, 289.00m), new("Cushion, ochre", 1, 29.00m)]),
        new(1044, "C-104", new(2026, 11, 9), "returned", 89.90m, [new("Wall clock", 1, 89.90m)]),
        new(1045, "C-101", new(2026, 11, 14), "packed", 36.00m, [new("Notebook, dotted", 3, 12.00m)]),
        new(1046, "C-105", new(2026, 11, 19), "paid", 742.50m, [new("Bookshelf, walnut", 1, 742.50m)]),
    ];
}
