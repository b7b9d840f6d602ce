using System.Numerics.Tensors;
using Limn.Engine;
using Limn.Games;

namespace Limn.Data;

/// <summary>Sums attributions of a model's columns up by feature.</summary>
/// <remarks>In a game every element has its player's whole value, so there players are summed, not elements.</remarks>
internal static class SchemaSums
{
    public static IReadOnlyList<IReadOnlyList<Explained>> Of(FeatureSchema schema, Attribution attribution, IReadOnlyList<IReadOnlyList<string>> words)
    {
        int rows = attribution.Prediction.Count;
        if (attribution.At is not null) throw new InvalidOptionException($"The layer '{attribution.At}' was explained, and a schema tells of the model's inputs; explain those (leave --at away).");
        if (attribution.Tensors.FirstOrDefault(t => t.Values.Rank == 0 || t.Values.Lengths[0] != rows) is { } other)
            throw new ShapeMismatchException($"The attributions of '{other.Name}' have the shape {Tensors.Describe(other.Values)} and not a row for each of the {rows} rows, so they are not of the schema's columns.");
        schema.CheckCount((int)attribution.Tensors.Sum(t => t.Values.FlattenedLength / Math.Max(1, rows)));
        float[][] values = [.. attribution.Tensors.Select(t => Tensors.Values(t.Values))];
        float[]?[] errors = [.. attribution.Tensors.Select(t => t.StandardError is { } e ? Tensors.Values(e) : null)];
        bool sampled = Array.Exists(errors, e => e is not null);
        var explained = new IReadOnlyList<Explained>[rows];
        for (int r = 0; r < rows; r++)
        {
            int now = r;
            float[] Row(float[]?[] all) => [.. all.SelectMany((v, i) => v is null ? new float[values[i].Length / rows] : v.Skip(now * (v.Length / rows)).Take(v.Length / rows))];
            explained[r] = attribution.Players is { } players ? ByPlayers(schema, players[r], words[r]) : ByColumns(schema, Row(values), sampled ? Row(errors) : null, words[r]);
        }
        return explained;
    }

    private static Explained[] ByColumns(FeatureSchema schema, float[] values, float[]? errors, IReadOnlyList<string> words) => [.. schema.Features.Select((feature, f) =>
        new Explained(feature.Name, words[f], schema.ColumnsOf(f).Sum(c => (double)values[c]), errors is null ? null : Error([.. schema.ColumnsOf(f).Select(c => (double)errors[c])])))];

    private static Explained[] ByPlayers(FeatureSchema schema, PlayerValues played, IReadOnlyList<string> words)
    {
        int[] of = [.. played.Players.Of.SelectMany(p => p)];
        int[] owners = schema.Owners();
        var ofFeature = new int[played.Players.Count];
        Array.Fill(ofFeature, -1);
        for (int c = 0; c < of.Length; c++)
        {
            if (of[c] < 0) continue;
            if (ofFeature[of[c]] >= 0 && ofFeature[of[c]] != owners[c])
                throw new InvalidOptionException($"'{played.Players.NameOf(of[c])}' holds columns of '{schema.Features[ofFeature[of[c]]].Name}' and of '{schema.Features[owners[c]].Name}', so what each of them contributed is not known. Leave the mask away: the schema's features are the players.");
            ofFeature[of[c]] = owners[c];
        }
        return [.. schema.Features.Select((feature, f) =>
        {
            int[] mine = [.. Enumerable.Range(0, ofFeature.Length).Where(p => ofFeature[p] == f)];
            return new Explained(feature.Name, words[f], mine.Sum(p => played.Solution.Values[p]), played.Solution.StandardErrors is { } e ? Error(Array.ConvertAll(mine, p => e[p])) : null);
        })];
    }

    /// <summary>Sampled numbers of one run are not independent: the error of a sum of several is known only where they have none.</summary>
    private static double? Error(double[] errors) => errors.Length == 1 ? errors[0] : Array.TrueForAll(errors, e => e == 0) ? 0 : null;
}
