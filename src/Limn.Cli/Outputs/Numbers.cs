using System.Globalization;

namespace Limn.Cli.Outputs;

/// <summary>Numbers as the command prints them.</summary>
internal static class Numbers
{
    public static string Text(double value) => double.IsFinite(value) ? value.ToString("G6", CultureInfo.InvariantCulture) : value.ToString(CultureInfo.InvariantCulture);

    public static string Bytes(long bytes) => bytes switch
    {
        < 10L << 10 => $"{bytes} B",
        < 10L << 20 => $"{(bytes / 1024.0).ToString("F0", CultureInfo.InvariantCulture)} KiB",
        _ => $"{(bytes / 1048576.0).ToString("F1", CultureInfo.InvariantCulture)} MiB",
    };

    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);
}
