using System.Collections.Immutable;

namespace Postern.Demo.Shop;

/// <summary>The shop's state: customers, orders and refunds. Every demo starts from the same stock and changes it for real.</summary>
internal sealed class ShopLedger
{
    private readonly Lock _lock = new();
    private ImmutableSortedDictionary<string, Customer> _customers = Stock.Customers.ToImmutableSortedDictionary(customer => customer.Id, customer => customer, StringComparer.Ordinal);
    private readonly ImmutableSortedDictionary<int, Order> _orders = Stock.Orders.ToImmutableSortedDictionary(order => order.Number, order => order);
    private ImmutableArray<Refund> _refunds = [];

    /// <summary>Customers by id.</summary>
    public ImmutableSortedDictionary<string, Customer> Customers => _customers;

    /// <summary>Orders by number.</summary>
    public ImmutableSortedDictionary<int, Order> Orders => _orders;

    /// <summary>Refunds in the order in which they were made.</summary>
    public ImmutableArray<Refund> Refunds => _refunds;

    /// <summary>What of an order was given back so far.</summary>
    public decimal RefundedOn(int order) => _refunds.Where(refund => refund.Order == order).Sum(refund => refund.Amount);

    /// <summary>Gives money back, or says why not.</summary>
    public (Refund? Refund, string? Problem) Refund(int number, decimal amount, string reason)
    {
        lock (_lock)
        {
            if (!_orders.TryGetValue(number, out var order)) return (null, $"order {number} does not exist");
            var open = order.Total - RefundedOn(number);
            if (amount > open) return (null, $"order {number} has {open:0.00} EUR left to refund; {amount:0.00} EUR is too much");
            var refund = new Refund($"R-{5001 + _refunds.Length}", number, amount, reason);
            _refunds = _refunds.Add(refund);
            return (refund, null);
        }
    }

    /// <summary>Forgets a customer; false when there is none of this id.</summary>
    public bool Delete(string customer)
    {
        lock (_lock)
        {
            if (!_customers.ContainsKey(customer)) return false;
            _customers = _customers.Remove(customer);
            return true;
        }
    }
}
