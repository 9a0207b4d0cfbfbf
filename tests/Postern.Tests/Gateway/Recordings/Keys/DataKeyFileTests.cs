using System.Security.Cryptography;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Tests.Gateway.Recordings.Keys;

/// <summary>The wrapped keys of sessions: kept, found, wrapped anew, and destroyed for good.</summary>
public sealed class DataKeyFileTests : IDisposable
{
    private static readonly Erasure ByBob = new(new DateTimeOffset(2026, 3, 5, 12, 0, 0, TimeSpan.Zero), "corp:bob", "asked for", IsExpiry: false);

    private readonly string _folder = Directory.CreateTempSubdirectory("postern-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_key_is_found_again_after_a_restart_and_never_stands_in_the_file_as_it_is()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        using (var keys = await OpenAsync()) await keys.SaveAsync(7, "S1", key);
        using var again = await OpenAsync();

        Assert.Equal(key, again.Find(7).Key);
        Assert.Equal(default, again.Find(8));
        Assert.False(await IsInFolderAsync(key));
        if (!OperatingSystem.IsWindows()) Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(_folder, MasterKeys.OwnName)));
    }

    [Fact]
    public async Task Keys_that_come_together_are_all_kept()
    {
        using var keys = await OpenAsync();
        await Task.WhenAll(Enumerable.Range(1, 200).Select(i => keys.SaveAsync((UInt128)(uint)i, $"S{i}", new byte[32]).AsTask()));

        Assert.All(Enumerable.Range(1, 200), i => Assert.NotNull(keys.Find((UInt128)(uint)i).Key));
    }

    [Fact]
    public async Task A_destroyed_key_is_in_no_file_any_more_wrapped_or_not()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        using var keys = await OpenAsync();
        await keys.SaveAsync(7, "S1", key);
        await keys.SaveAsync(8, "S2", key);
        var wrapped = await WrappedAsync(7);
        Assert.True(await IsInFolderAsync(wrapped));

        Assert.Equal(KeyDestruction.Done, await keys.DestroyAsync("S1", ByBob, 3));
        await keys.EmptyLogAsync();

        Assert.False(await IsInFolderAsync(wrapped));
        Assert.Equal(new DataKeyFinding(null, ByBob), keys.Find(7));
        Assert.NotNull(keys.Find(8).Key);
        Assert.Equal(1, keys.Generation);
        Assert.Equal([("S1", ByBob, 3)], await keys.UntoldAsync());
        await keys.ToldAsync("S1");
        Assert.Empty(await keys.UntoldAsync());
        Assert.Equal(KeyDestruction.Already, await keys.DestroyAsync("S1", ByBob with { By = "corp:eve" }, 3));
        Assert.Equal(ByBob, await keys.ErasureOfAsync("S1"));
    }

    [Fact]
    public async Task Nothing_is_sealed_any_more_for_a_session_that_was_erased()
    {
        using var keys = await OpenAsync();
        await keys.SaveAsync(7, "S1", new byte[32]);
        await keys.DestroyAsync("S1", ByBob, 1);

        var refused = await Assert.ThrowsAsync<RecordingException>(async () => await keys.SaveAsync(9, "S1", new byte[32]));

        Assert.Equal("the session was erased; nothing can be added to it", refused.Message);
    }

    [Fact]
    public async Task A_session_under_legal_hold_keeps_its_keys()
    {
        using var keys = await OpenAsync();
        await keys.SaveAsync(7, "S1", new byte[32]);
        Assert.True(await keys.HoldAsync("S1", ByBob.At, "corp:carol", "case 12"));
        Assert.False(await keys.HoldAsync("S1", ByBob.At, "corp:dave", "case 13"));

        Assert.Equal(KeyDestruction.Held, await keys.DestroyAsync("S1", ByBob, 1));
        Assert.NotNull(keys.Find(7).Key);
        Assert.Equal(("S1", "corp:carol", "case 12"), (await keys.HeldAsync()).Select(hold => (hold.Session, hold.By, hold.Why)).Single());

        Assert.True(await keys.ReleaseAsync("S1"));
        Assert.False(await keys.ReleaseAsync("S1"));
        Assert.Equal(KeyDestruction.Done, await keys.DestroyAsync("S1", ByBob, 1));
    }

    [Fact]
    public async Task A_new_master_key_wraps_everything_anew_and_the_one_before_opens_nothing()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        var (first, second) = (MasterFile("first"), MasterFile("second"));
        using (var keys = await OpenAsync(new MasterKeyOptions(first, null, null))) await keys.SaveAsync(7, "S1", key);

        var refused = await Assert.ThrowsAsync<RecordingException>(async () => await OpenAsync(new MasterKeyOptions(second, null, null)));
        Assert.Contains("record.masterKey.previousFile", refused.Message, StringComparison.Ordinal);
        using (var keys = await OpenAsync(new MasterKeyOptions(second, null, first))) Assert.Equal(key, keys.Find(7).Key);
        using (var keys = await OpenAsync(new MasterKeyOptions(second, null, null))) Assert.Equal(key, keys.Find(7).Key);
        using var before = RecordedKeys.Open(_folder, new MasterKeyOptions(first, null, null));
        Assert.Equal(default, before.Find(7));
        using var now = RecordedKeys.Open(_folder, new MasterKeyOptions(second, null, null));
        Assert.Equal(key, now.Find(7).Key);
    }

    [Fact]
    public async Task The_gateways_own_master_key_is_replaced_and_gone_after_the_next_start()
    {
        var key = RandomNumberGenerator.GetBytes(32);
        using (var keys = await OpenAsync()) await keys.SaveAsync(7, "S1", key);

        var id = MasterKeys.Replace(_folder);
        Assert.Throws<RecordingException>(() => MasterKeys.Replace(_folder));
        using (var keys = await OpenAsync()) Assert.Equal(key, keys.Find(7).Key);

        Assert.False(File.Exists(Path.Combine(_folder, MasterKeys.PreviousName)));
        using var own = MasterKeys.FromFile(Path.Combine(_folder, MasterKeys.OwnName));
        Assert.Equal(id, own.Id);
    }

    [Fact]
    public async Task A_master_key_that_is_gone_refuses_the_start_and_makes_no_new_one()
    {
        using (var keys = await OpenAsync()) await keys.SaveAsync(7, "S1", new byte[32]);
        File.Delete(Path.Combine(_folder, MasterKeys.OwnName));

        var refused = await Assert.ThrowsAsync<RecordingException>(async () => await OpenAsync());

        Assert.Contains("is gone", refused.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder, MasterKeys.OwnName)));
    }

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("zz11223344556677889900aabbccddeeff00112233445566778899aabbccddeeff")]
    public async Task What_is_no_master_key_is_refused(string value)
    {
        var refused = await Assert.ThrowsAsync<RecordingException>(async () => await OpenAsync(new MasterKeyOptions(null, value, null)));

        Assert.Contains("expected 32 random bytes", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_master_key_is_taken_in_hexadecimal_and_in_base64()
    {
        var bytes = RandomNumberGenerator.GetBytes(32);
        using (var keys = await OpenAsync(new MasterKeyOptions(null, Convert.ToHexString(bytes), null))) await keys.SaveAsync(7, "S1", new byte[32]);
        using (var keys = await OpenAsync(new MasterKeyOptions(null, Convert.ToBase64String(bytes), null))) Assert.NotNull(keys.Find(7).Key);
    }

    private ValueTask<DataKeyFile> OpenAsync(MasterKeyOptions? options = null) => DataKeyFile.OpenAsync(_folder, options, TimeProvider.System);

    private string MasterFile(string name)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllBytes(path, RandomNumberGenerator.GetBytes(32));
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return path;
    }

    private async Task<byte[]> WrappedAsync(UInt128 id)
    {
        await using var connection = new Microsoft.Data.Sqlite.SqliteConnection($"Data Source={Path.Combine(_folder, DataKeyFile.FileName)};Pooling=false");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = "select wrapped from keys where id = @id";
        command.Parameters.AddWithValue("@id", DataKeyReading.NameOf(id));
        return (byte[])(await command.ExecuteScalarAsync(TestContext.Current.CancellationToken))!;
    }

    private async Task<bool> IsInFolderAsync(byte[] needle)
    {
        foreach (var path in Directory.EnumerateFiles(_folder))
        {
            if ((await File.ReadAllBytesAsync(path, TestContext.Current.CancellationToken)).AsSpan().IndexOf(needle) >= 0) return true;
        }
        return false;
    }
}
