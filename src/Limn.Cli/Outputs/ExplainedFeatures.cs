using Limn.Cli.Inputs;
using Limn.Data;
using Limn.Engine;
using Limn.Games;

namespace Limn.Cli.Outputs;

/// <summary>An explanation, feature by feature: as a schema says, or else by the players of a game, or the named columns of a table.</summary>
internal static class ExplainedFeatures
{
    /// <summary>For each row what each feature contributed; null where what was explained has neither players nor named columns, or is a picture.</summary>
    public static IReadOnlyList<IReadOnlyList<Explained>>? Of(Attribution attribution, IReadOnlyList<FilledInput> inputs, FeatureSchema? schema)
    {
        if (attribution.At is not null) return null;
        if (schema is not null && attribution.Tensors.Sum(t => t.Values.FlattenedLength) == (long)schema.Columns.Count * attribution.Prediction.Count)
            return inputs is [{ Words: { } words } first, ..] ? schema.Explain(attribution, new EncodedTable(first.Array, words)) : schema.Explain(attribution, [.. inputs.Select(i => i.Array)]);
        if (inputs.Any(i => PictureShape.Of(i.Array.Dims) is not null)) return null;
        if (attribution.Players is { } players) return [.. players.Select((p, r) => ByPlayers(p, inputs, r))];
        return inputs is [{ Columns: { } columns } table] && attribution.Tensors is [var tensor] && tensor.Values.FlattenedLength == (long)columns.Count * attribution.Prediction.Count
            ? ByColumns(tensor, columns, table, attribution.Prediction.Count) : null;
    }

    private static Explained[] ByPlayers(PlayerValues played, IReadOnlyList<FilledInput> inputs, int row)
    {
        (FilledInput Input, int Element)[] places = [.. inputs.SelectMany(i => Enumerable.Range(0, i.Array.Length / i.Rows).Select(e => (i, e)))];
        int[] of = [.. played.Players.Of.SelectMany(o => o)];
        var elements = new List<int>[played.Players.Count];
        for (int p = 0; p < elements.Length; p++) elements[p] = [];
        for (int e = 0; e < of.Length; e++)
            if (of[e] >= 0) elements[of[e]].Add(e);
        bool known = of.Length == places.Length && elements.Length <= places.Length; // the words of a text are more than its single element
        return [.. elements.Select((mine, p) =>
        {
            bool single = known && mine.Count == 1;
            string name = played.Players.Names?[p] ?? (single && places[mine[0]].Input.Columns is { } columns ? columns[places[mine[0]].Element] : played.Players.NameOf(p));
            return new Explained(name, single ? ValueOf(places[mine[0]].Input, row, places[mine[0]].Element) : "", played.Solution.Values[p], played.Solution.StandardErrors?[p]);
        })];
    }

    private static List<IReadOnlyList<Explained>> ByColumns(AttributedTensor tensor, IReadOnlyList<string> columns, FilledInput table, int rows)
    {
        float[] values = tensor.Values.ToDenseArray();
        float[]? errors = tensor.StandardError?.ToDenseArray();
        return [.. Enumerable.Range(0, rows).Select(r => (IReadOnlyList<Explained>)[.. columns.Select((name, c) =>
            new Explained(name, ValueOf(table, r, c), values[r * columns.Count + c], errors?[r * columns.Count + c]))])];
    }

    private static string ValueOf(FilledInput input, int row, int element)
    {
        int at = row * (input.Array.Length / input.Rows) + element;
        return input.Array.Type.Storage() switch
        {
            Storage.Float => Numbers.Text(input.Array.Floats[at]),
            Storage.Integer => input.Array.Integers[at].ToString(System.Globalization.CultureInfo.InvariantCulture),
            Storage.Boolean => input.Array.Booleans[at] ? "yes" : "no",
            _ => input.Array.Strings[at],
        };
    }
}
