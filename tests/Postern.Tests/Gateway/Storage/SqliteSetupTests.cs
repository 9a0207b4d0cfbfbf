using System.Runtime.InteropServices;
using Postern.Gateway.Storage;

namespace Postern.Tests.Gateway.Storage;

public sealed class SqliteSetupTests
{
    [Fact]
    public void The_library_that_the_system_patches_is_used_where_there_is_one()
    {
        var isThere = OperatingSystem.IsLinux() && NativeLibrary.TryLoad("libsqlite3.so.0", out _);

        var used = SqliteSetup.Use();

        Assert.StartsWith(isThere ? "system 3." : "bundled 3.", used, StringComparison.Ordinal);
        Assert.Equal(used, SqliteSetup.Use());
    }
}
