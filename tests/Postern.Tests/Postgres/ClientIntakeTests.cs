using Postern.Protocols.Postgres;
using Postern.Protocols.Postgres.Wire;
using Postern.Tests.Postgres.Wire;

namespace Postern.Tests.Postgres;

public sealed class ClientIntakeTests
{
    private static readonly byte[][] _units =
    [
        Messages.Query("select 1"),
        [.. Messages.Parse("", "select $1", 23), .. Messages.Bind("", "", "7"), .. Messages.Describe('P', ""), .. Messages.Execute(""), .. Messages.Sync],
        [.. Messages.Parse("named", new string('x', 3000)), .. Messages.Flush],
        Messages.Sync,
        [.. Messages.Bind("p", "named", new string('v', 20_000), null), .. Messages.Execute("p"), .. Messages.Close('S', "named"), .. Messages.Sync],
        Messages.Query(""),
        Messages.Of('X'),
    ];

    [Fact]
    public async Task Units_are_the_same_wherever_reads_are_split()
    {
        var all = _units.SelectMany(unit => unit).ToArray();
        for (var first = 1; first < Math.Min(all.Length, 400); first++) await ExpectAsync(new Pieces(all, [first, all.Length]));
        foreach (var size in (int[])[1, 2, 3, 5, 7, 64, 511, 4096]) await ExpectAsync(new Pieces(all, [.. Enumerable.Repeat(size, all.Length / size + 1)]));
    }

    [Fact]
    public async Task After_an_error_everything_until_Sync_is_thrown_away()
    {
        byte[] bytes = [.. Messages.Bind("", "gone"), .. Messages.Execute(""), .. Messages.Query("select 2"), .. Messages.Sync, .. Messages.Query("select 3")];
        using var intake = new ClientIntake(_ => { });
        intake.Attach(new Pieces(bytes, [.. Enumerable.Repeat(3, bytes.Length)]));
        Assert.True(await intake.ReadAsync(onlySync: true));
        Assert.Equal(Messages.Sync, intake.Unit.ToArray());
        Assert.True(await intake.ReadAsync(onlySync: false));
        Assert.Equal(Messages.Query("select 3"), intake.Unit.ToArray());
    }

    [Fact]
    [Row("Q14")]
    public async Task A_unit_that_never_ends_is_refused_at_its_bounds()
    {
        await Assert.ThrowsAsync<WireException>(() => ReadAllAsync([.. Enumerable.Repeat(Messages.Execute(""), MessageTable.MostMessages + 1).SelectMany(bytes => bytes)]));
        var large = Messages.Bind("", "", new string('v', 400_000));
        await Assert.ThrowsAsync<WireException>(() => ReadAllAsync([.. large, .. large, .. large]));
    }

    [Fact]
    public async Task A_client_that_closes_is_noticed_while_its_unit_is_worked_on()
    {
        var left = new List<bool>();
        using var intake = new ClientIntake(left.Add);
        intake.Attach(new Pieces(Messages.Query("select 1"), [1000]));
        Assert.True(await intake.ReadAsync(onlySync: false));
        Assert.Empty(left);
        intake.ReadAhead();
        Assert.Equal([true], left);
        Assert.False(await intake.ReadAsync(onlySync: false));
    }

    [Fact]
    public async Task A_client_that_says_goodbye_while_its_unit_is_worked_on_is_noticed_too()
    {
        var left = new List<bool>();
        using var intake = new ClientIntake(left.Add);
        var query = Messages.Query("select 1");
        intake.Attach(new Pieces([.. query, .. Messages.Of('X')], [query.Length, 5]));
        Assert.True(await intake.ReadAsync(onlySync: false));
        intake.ReadAhead();
        Assert.Equal([false], left);
    }

    private static async Task ExpectAsync(Stream stream)
    {
        using var intake = new ClientIntake(_ => { });
        intake.Attach(stream);
        foreach (var unit in _units)
        {
            Assert.True(await intake.ReadAsync(onlySync: false));
            intake.ReadAhead(); // while the unit is worked on
            Assert.Equal(unit, intake.Unit.ToArray());
            Assert.Equal(unit.Length, intake.Messages.Sum(message => message.Length));
        }
        Assert.False(await intake.ReadAsync(onlySync: false));
    }

    private static async Task ReadAllAsync(byte[] bytes)
    {
        using var intake = new ClientIntake(_ => { });
        intake.Attach(new Pieces(bytes, [.. Enumerable.Repeat(5000, bytes.Length)]));
        while (await intake.ReadAsync(onlySync: false))
        {
        }
    }

    /// <summary>Gives its bytes in pieces of these sizes at most, then ends.</summary>
    private sealed class Pieces(byte[] bytes, int[] sizes) : MemoryStream(bytes)
    {
        private int _next;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var size = _next < sizes.Length ? sizes[_next++] : int.MaxValue;
            return new(Read(buffer.Span[..Math.Min(buffer.Length, size)]));
        }
    }
}
