using System.Globalization;
using System.Text.Json;
using Limn.Cli.Outputs;
using Limn.Engine;

namespace Limn.Cli.Commands;

/// <summary>A profile in print and as JSON.</summary>
internal sealed class ProfileTables(Profiled profiled, ProfiledWork work, int threads, bool backward)
{
    public const int SlowestNodes = 20;

    public void Print(CommandContext context, bool all)
    {
        ProfiledRow total = profiled.Total;
        context.Out.WriteLine($"{Numbers.Text(profiled.Milliseconds)} ms (median of {profiled.Runs}), {Numbers.Bytes(profiled.PeakBytes)} of weights and intermediate results; input {string.Join(", ", work.Shapes)}");
        context.Out.WriteLine($"{(total.Flops is { } flops ? $"{Fixed(flops / 1e9, 3)} GFLOP, {Rate(total.GigaflopsPerSecond)} GFLOP/s; " : "")}this machine at most {Rate(profiled.Machine.FlopsPerSecond / 1e9)} GFLOP/s, copying {Rate(profiled.Machine.BytesPerSecond / 1e9)} GB/s, on {threads} thread{(threads > 1 ? "s" : "")}");
        string[] measures = [">ms", ">share", ">GFLOP/s", ">GB/s", ">roof ms", ">of roof"];
        TextTable.Print(context, ["operator", ">count", .. measures], profiled.Operators.Select(o => (string[])[o.Operator, Numbers.Count(o.Count), .. Measures(o)]));
        TextTable.Print(context, [all ? "nodes" : "slowest nodes", "operator", "shape", .. measures], Shown(all).Select(n => (string[])[n.Name, n.Operator, n.Dims is null ? "?" : NdArray.Describe([.. n.Dims]), .. Measures(n)]));
    }

    public byte[] Json(bool all) => JsonText.Object(json =>
    {
        json.WriteNumber("batch", work.Rows);
        json.WriteNumber("threads", threads);
        json.WriteBoolean("backward", backward);
        json.WriteNumber("repeat", profiled.Runs);
        json.Number("medianMilliseconds", profiled.Milliseconds);
        json.WriteNumber("peakBytes", profiled.PeakBytes);
        json.WriteNumber("peakWorkingSetBytes", profiled.PeakWorkingSet);
        json.WriteStartObject("machine");
        json.Number("flopsPerSecond", profiled.Machine.FlopsPerSecond);
        json.Number("bytesPerSecond", profiled.Machine.BytesPerSecond);
        json.WriteEndObject();
        json.Plain("flops", profiled.Total.Flops);
        json.Objects("operators", profiled.Operators, o =>
        {
            json.WriteString("operator", o.Operator);
            json.WriteNumber("count", o.Count);
            WriteMeasures(json, o);
        });
        json.Objects("nodes", Shown(all), n =>
        {
            json.WriteString("name", n.Name);
            json.WriteString("operator", n.Operator);
            if (n.Dims is null) json.WriteNull("shape");
            else json.List("shape", n.Dims, json.WriteNumberValue);
            WriteMeasures(json, n);
        });
        json.WriteString("limn", LimnCommand.Version);
    });

    private IEnumerable<ProfiledRow> Shown(bool all) => all ? profiled.Nodes : profiled.Nodes.Take(SlowestNodes);

    private double Share(ProfiledRow row) => row.Milliseconds / Math.Max(double.Epsilon, profiled.Total.Milliseconds);

    private string[] Measures(ProfiledRow row) =>
    [
        Fixed(row.Milliseconds, 3), $"{Fixed(100 * Share(row), 1)} %", Rate(row.GigaflopsPerSecond), Rate(row.GigabytesPerSecond),
        row.LeastMilliseconds is { } least ? Fixed(least, 3) : "", row.OfRoof is { } of ? $"{Fixed(100 * of, 0)} %" : "",
    ];

    private void WriteMeasures(Utf8JsonWriter json, ProfiledRow row)
    {
        json.Number("milliseconds", row.Milliseconds);
        json.Number("share", Share(row));
        json.Plain("flops", row.Flops);
        json.Plain("bytes", row.Bytes);
        json.Number("roofMilliseconds", row.LeastMilliseconds);
    }

    private static string Rate(double? rate) => rate is { } r ? Fixed(r, 1) : "";

    private static string Fixed(double value, int digits) => value.ToString($"F{digits}", CultureInfo.InvariantCulture);
}
