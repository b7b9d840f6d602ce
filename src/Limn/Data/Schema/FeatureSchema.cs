using System.Globalization;
using Limn.Engine;
using Limn.Games;

namespace Limn.Data;

/// <summary>
/// The columns of a model's input in the terms of whoever uses it: one-hot, scaled, imputed, binned and hashed columns belong to the features that they were
/// made of, with their names and units.
/// </summary>
/// <remarks>
/// It makes the model's input of the user's rows (<see cref="Encode"/>), makes the columns of a feature one player of a game (<see cref="ExplainOptions.Schema"/>), and tells
/// attributions of the model's columns in the user's terms (<see cref="Explain(Attribution, EncodedTable)"/>). A model of several inputs has the columns of all of them, one input
/// after another.
/// </remarks>
public sealed class FeatureSchema
{
    private readonly int[][] columnsOf;

    /// <param name="features">The features, in the order that explanations name them.</param>
    /// <param name="columns">The model's columns in its own order; in that of the features when null.</param>
    /// <exception cref="InvalidDataException">Names occur twice, columns are of no feature or of two, or an encoding cannot be.</exception>
    public FeatureSchema(IReadOnlyList<Feature> features, IReadOnlyList<string>? columns = null)
    {
        ArgumentNullException.ThrowIfNull(features);
        if (features.Count == 0) throw new InvalidDataException("A schema needs at least one feature.");
        foreach (Feature feature in features)
            if ((feature.Name.Length == 0 ? "it has no name" : feature.Encoding.Fault) is { } fault) throw new InvalidDataException($"The feature '{feature.Name}' cannot be: {fault}.");
        if (Twice(features.Select(f => f.Name)) is { } name) throw new InvalidDataException($"Two features are called '{name}'; give each its own name.");
        string[] all = [.. features.SelectMany(f => f.Columns)];
        if (Twice(all) is { } column) throw new InvalidDataException($"The column '{column}' belongs to two features, or occurs twice in one; a column is of one.");
        columns ??= all;
        if (Twice(columns) is { } again) throw new InvalidDataException($"The column '{again}' occurs twice among the columns.");
        if (columns.Except(all).FirstOrDefault() is { } stranger) throw new InvalidDataException($"The column '{stranger}' belongs to no feature. Add a feature for it: {{ \"name\": \"{stranger}\" }}.");
        if (all.Except(columns).FirstOrDefault() is { } lost) throw new InvalidDataException($"The column '{lost}' of the feature '{features.First(f => f.Columns.Contains(lost)).Name}' is not among the columns.");
        (Features, Columns) = (features, columns);
        var places = columns.Select((c, i) => (c, i)).ToDictionary(p => p.c, p => p.i, StringComparer.Ordinal);
        columnsOf = [.. features.Select(f => f.Columns.Select(c => places[c]).ToArray())];
    }

    public IReadOnlyList<Feature> Features { get; }

    /// <summary>The columns of the model's input, in its order.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>Whether some of the model's columns hold text, so that all are given as text.</summary>
    public bool HoldsText => Features.Any(f => f.Encoding.HoldsText(f.Kind));

    /// <summary>Reads a schema from a JSON file.</summary>
    /// <exception cref="InvalidDataException">The file is missing, is no JSON, or no schema.</exception>
    public static FeatureSchema Read(string path) => DataFile.Read(path, (stream, length) => SchemaJson.Read(DataFile.ReadAll(stream, length)));

    /// <summary>Reads a schema from JSON.</summary>
    /// <exception cref="InvalidDataException">It is no JSON, or no schema.</exception>
    public static FeatureSchema Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return SchemaJson.Read(System.Text.Encoding.UTF8.GetBytes(json));
    }

    /// <summary>The schema that the attributes of a record say (<see cref="FeatureAttribute"/>): a feature for each of its properties.</summary>
    /// <exception cref="InvalidDataException">The attributes contradict each other.</exception>
    public static FeatureSchema Of<T>() => RecordSchema.Of(typeof(T));

    /// <summary>The schema as JSON.</summary>
    public string ToJson() => SchemaJson.Write(this);

    /// <summary>The places of a feature's columns among the model's.</summary>
    public IReadOnlyList<int> ColumnsOf(int feature) => columnsOf[feature];

    /// <summary>For each of the model's columns the number of its feature.</summary>
    public int[] Owners()
    {
        var owners = new int[Columns.Count];
        for (int f = 0; f < columnsOf.Length; f++)
            foreach (int c in columnsOf[f]) owners[c] = f;
        return owners;
    }

    /// <summary>The features as the players of a game, by their names.</summary>
    /// <param name="row">The model's inputs, a row of each.</param>
    /// <exception cref="ShapeMismatchException">The inputs have another number of elements than the schema has columns.</exception>
    public Players PlayersOf(IReadOnlyList<NdArray> row)
    {
        ArgumentNullException.ThrowIfNull(row);
        CheckCount(row.Sum(r => r.Length));
        int[] owners = Owners();
        int at = 0;
        return new Players([.. row.Select(r => owners[at..(at += r.Length)])], Features.Count) { Names = [.. Features.Select(f => f.Name)] };
    }

    /// <summary>The model's input for rows of a table, which has the features' own columns, or the model's.</summary>
    /// <remarks>
    /// A table that has a column for each feature is taken for one in the user's terms, also where the model's columns have the same names. Else, where it has all of the
    /// model's columns, it is taken as it is. Else each feature is looked for by its own name, then by its columns. Columns that the schema does not know are left alone.
    /// </remarks>
    /// <exception cref="InvalidDataException">A feature is not there, a cell is missing, or is no value of its feature; the message names row and feature.</exception>
    public EncodedTable Encode(TextTable table)
    {
        ArgumentNullException.ThrowIfNull(table);
        var places = table.Columns.Select((c, i) => (c, i)).ToDictionary(p => p.c, p => p.i, StringComparer.Ordinal);
        bool encoded = Columns.All(places.ContainsKey) && !Features.All(f => places.ContainsKey(f.Name));
        bool[] raw = [.. Features.Select(f => !encoded && places.ContainsKey(f.Name) && f.Encoding is not Hashed)];
        for (int f = 0; f < raw.Length; f++)
            if (!raw[f] && Features[f].Columns.FirstOrDefault(c => !places.ContainsKey(c)) is { } lost) throw Absent(Features[f], lost, table);
        var cells = new string[table.Rows * Columns.Count];
        var words = new string[table.Rows][];
        for (int r = 0; r < table.Rows; r++)
        {
            words[r] = new string[Features.Count];
            Span<string> row = cells.AsSpan(r * Columns.Count, Columns.Count);
            for (int f = 0; f < Features.Count; f++)
            {
                string[] values = Values(Features[f], raw[f], table.Cells[r], places, r);
                for (int i = 0; i < values.Length; i++) row[columnsOf[f][i]] = values[i];
                words[r][f] = Word(Features[f], raw[f], values, table.Cells[r], places);
            }
        }
        return new EncodedTable(HoldsText ? new NdArray(cells, table.Rows, Columns.Count) : new NdArray(Array.ConvertAll(cells, c => (float)SchemaText.Number(c)), table.Rows, Columns.Count), words);
    }

    /// <summary>An explanation of rows, in the user's terms: for each row what each feature contributed, with its value.</summary>
    /// <param name="attribution">The explanation of the inputs; its columns are summed up by feature.</param>
    /// <param name="table">The rows that were explained.</param>
    /// <exception cref="ShapeMismatchException">The attributions are not of the schema's columns.</exception>
    /// <exception cref="InvalidOptionException">The players of a game are not the schema's features.</exception>
    public IReadOnlyList<IReadOnlyList<Explained>> Explain(Attribution attribution, EncodedTable table)
    {
        ArgumentNullException.ThrowIfNull(attribution);
        ArgumentNullException.ThrowIfNull(table);
        if (attribution.Prediction.Count != table.Words.Count) throw new ShapeMismatchException($"The explanation is of {attribution.Prediction.Count} rows, and the table has {table.Words.Count}.");
        return SchemaSums.Of(this, attribution, table.Words);
    }

    /// <summary>An explanation of rows, in the user's terms, where only the model's inputs are known: the values are those that the inputs stand for.</summary>
    public IReadOnlyList<IReadOnlyList<Explained>> Explain(Attribution attribution, IReadOnlyList<NdArray> inputs) => Explain(attribution, Decode(inputs));

    /// <summary>What inputs of the model stand for, row by row and feature by feature, in words.</summary>
    /// <exception cref="ShapeMismatchException">The inputs have another number of elements than the schema has columns.</exception>
    public EncodedTable Decode(IReadOnlyList<NdArray> inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        int rows = inputs.Count == 0 || inputs[0].Rank == 0 ? 0 : inputs[0].Dims[0];
        CheckCount(rows == 0 ? 0 : inputs.Sum(i => i.Length / rows));
        var words = new string[rows][];
        for (int r = 0; r < rows; r++)
        {
            string[] cells = [.. inputs.SelectMany(i => Texts(i.Rows(r, 1)))];
            words[r] = [.. Features.Select((f, k) => f.Describe(Array.ConvertAll(columnsOf[k], c => cells[c])))];
        }
        return new EncodedTable(inputs[0], words);
    }

    internal void CheckCount(int elements)
    {
        if (elements != Columns.Count)
            throw new ShapeMismatchException($"The schema has {Columns.Count} columns ({SchemaText.List(Columns)}), and what is explained has {elements} elements in a row; they must be the model's inputs, in its order.");
    }

    private static string[] Values(Feature feature, bool raw, string[] cells, Dictionary<string, int> places, int r)
    {
        try
        {
            if (raw) return feature.Encode(cells[places[feature.Name]]);
            string[] values = [.. feature.Columns.Select(c => cells[places[c]].Trim())];
            if (feature.Encoding.HoldsText(feature.Kind)) return values;
            for (int i = 0; i < values.Length; i++)
                if (!double.IsFinite(SchemaText.Number(values[i]))) throw new InvalidDataException($"the model's column '{feature.Columns[i]}' holds '{SchemaText.Shorten(values[i])}', which is no finite number.");
            return values;
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"row {r.ToString(CultureInfo.InvariantCulture)}: {e.Message}", e);
        }
    }

    private static string Word(Feature feature, bool raw, string[] values, string[] cells, Dictionary<string, int> places)
    {
        if (!raw) return feature.Encoding is Hashed && places.TryGetValue(feature.Name, out int at) && !TextTable.IsMissing(cells[at]) ? cells[at] : feature.Describe(values);
        string cell = cells[places[feature.Name]].Trim();
        if (TextTable.IsMissing(cell)) return Feature.Absent(feature.Encoding.Describe(feature, values.AsSpan(0, feature.Encoding.Columns.Count)));
        // What the user wrote, which a bin or single precision may have lost.
        return feature.Encoding.UsualKind != FeatureKind.Numeric || feature.Kind is FeatureKind.Category or FeatureKind.Text ? cell
            : feature.Kind == FeatureKind.Boolean ? SchemaText.Truth(feature.Name, cell) == 1 ? "yes" : "no"
            : SchemaText.Quantity(SchemaText.Number(cell), feature);
    }

    private static InvalidDataException Absent(Feature feature, string column, TextTable table)
    {
        IReadOnlyList<string> near = NearestName.Of(feature.Name, table.Columns);
        string columns = feature.Columns.Count == 1 && feature.Columns[0] == feature.Name ? "" : feature.Encoding is Hashed ? $", or rather the model's columns {SchemaText.List(feature.Columns)}" : $", nor all of the model's columns for it ({SchemaText.List(feature.Columns)}; '{column}' is not there)";
        return new InvalidDataException($"the table has no column '{feature.Name}'{columns}.{(near.Count > 0 ? $" Did you mean {string.Join(" or ", near)}?" : "")} Its columns: {SchemaText.List(table.Columns)}.");
    }

    private static IEnumerable<string> Texts(NdArray row)
    {
        for (int e = 0; e < row.Length; e++)
            yield return row.Type.Storage() switch
            {
                Storage.Float => row.Floats[e].ToString("R", CultureInfo.InvariantCulture),
                Storage.Integer => row.Integers[e].ToString(CultureInfo.InvariantCulture),
                Storage.Boolean => row.Booleans[e] ? "1" : "0",
                _ => row.Strings[e],
            };
    }

    private static string? Twice(IEnumerable<string> names) => names.GroupBy(n => n, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1)?.Key;
}
