using Limn.Data;
using Limn.Engine;

namespace Limn.Cli.Inputs;

/// <summary>Fills a model's inputs from files.</summary>
internal sealed class InputReader(IReadOnlyList<ModelInput> inputs, PictureSettings pictures, IReadOnlyList<string> dropColumns, FeatureSchema? schema = null)
{
    private readonly HashSet<string> dropped = [];
    private readonly List<string> dropColumns = [.. dropColumns];
    private readonly HashSet<string> leftOut = [];

    // What a program's columns are, the first table decides: all that follow are brought to its form.
    private IReadOnlyList<string>? cellColumns;
    private bool holdText;

    /// <summary>Every input of the model, from FILE (one input) or NAME=FILE.</summary>
    /// <exception cref="CommandException">A file has no input, or an input no file.</exception>
    public IReadOnlyList<FilledInput> Read(IReadOnlyList<string> given)
    {
        if (given.Count == 0) throw new CommandException($"say what to feed the model: --input FILE{(inputs.Count > 1 ? $", once for each of {Names}" : "")}.");
        if (IsWhole(given)) return Whole(given);
        IReadOnlyList<string>[] files = Assign("--input", given);
        FilledInput[] filled = [.. inputs.Select((input, i) => files[i].Count > 0 ? Fill(input, files[i])
            : throw new CommandException($"the model's input '{input.Name}' has no file; add --input {input.Name}=FILE."))];
        if (dropColumns.FirstOrDefault(c => !dropped.Contains(c) && !leftOut.Contains(c)) is { } unused)
            throw new InvalidDataException($"no table has a column '{unused}' to drop{(filled.FirstOrDefault(f => f.Columns is not null) is { } t ? $"; the columns are {string.Join(", ", t.Columns!.Take(20))}" : "")}.");
        return filled;
    }

    /// <summary>One array for each input, such as a baseline, in the inputs' own form; any number of rows.</summary>
    /// <param name="option">The option, for messages.</param>
    /// <param name="given">FILE, or NAME=FILE for each input.</param>
    /// <param name="otherwise">What an input of integers holds that no file is given for; null where each needs one.</param>
    public IReadOnlyList<NdArray> ReadArrays(string option, IReadOnlyList<string> given, IReadOnlyList<FilledInput>? otherwise = null)
    {
        if (IsWhole(given)) return [.. Whole(given).Select(f => f.Array)];
        IReadOnlyList<string>[] files = Assign(option, given);
        return [.. inputs.Select((input, i) => files[i].Count > 0 ? Fill(input, files[i]).Array
            : otherwise is not null && !input.Type.IsFloating() && files.Any(f => f.Count > 0) ? otherwise[i].Array
            : throw new CommandException($"{option} has no file for the input '{input.Name}'; add {option} {input.Name}=FILE."))];
    }

    /// <summary>The files as they are, one for each input.</summary>
    public IReadOnlyList<DataFile> ReadFiles(string option, IReadOnlyList<string> given)
    {
        IReadOnlyList<string>[] files = Assign(option, given);
        return [.. inputs.Select((input, i) => files[i].Count == 1 ? DataFile.Read(files[i][0])
            : throw new CommandException($"{option} needs one file for the input '{input.Name}', and {files[i].Count} were given."))];
    }

    /// <summary>Leaves a column out of all tables that have it.</summary>
    public void LeaveOut(string column)
    {
        dropColumns.Add(column);
        leftOut.Add(column);
    }

    private string Names => string.Join(", ", inputs.Select(i => i.Name));

    /// <summary>The files of each input. What exists as a file is a path, even if it contains '='.</summary>
    private IReadOnlyList<string>[] Assign(string option, IReadOnlyList<string> given)
    {
        var files = new List<string>[inputs.Count];
        for (int i = 0; i < files.Length; i++) files[i] = [];
        foreach (string text in given)
        {
            bool isPath = File.Exists(text) || Directory.Exists(text);
            int named = isPath ? -1 : Enumerable.Range(0, inputs.Count).FirstOrDefault(i => text.StartsWith(inputs[i].Name + "=", StringComparison.Ordinal), -1);
            if (named >= 0) files[named].Add(text[(inputs[named].Name.Length + 1)..]);
            else if (!isPath && text.IndexOf('=') is > 0 and var equals && (inputs.Count > 1 || File.Exists(text[(equals + 1)..])))
                throw new UnknownNameException($"the model has no input '{text[..equals]}'. Its inputs: {Names}.");
            else if (inputs.Count == 1) files[0].Add(text);
            else throw new CommandException($"the model has {inputs.Count} inputs ({Names}); say which one '{text}' is for: {option} {inputs[0].Name}={text}.");
        }
        return files;
    }

    private FilledInput Fill(ModelInput input, IReadOnlyList<string> paths)
    {
        List<string> expanded = [.. paths.SelectMany(p => Directory.Exists(p) ? DataFile.PicturesIn(p) : [p])];
        bool cells = schema is not null || input.Type.Storage() == Storage.String || input.Shape is null;
        DataFile[] files = [.. expanded.Select(p => DataFile.Read(p, !cells ? TextFiles.Numbers : schema is null ? TextFiles.Prose : TextFiles.Cells))];
        if (Array.TrueForAll(files, f => f is PictureFile)) return Pictures(input, files, expanded);
        if (files.FirstOrDefault(f => f is PictureFile) is { } picture)
            throw new InvalidDataException($"'{picture.Path}' is a picture among arrays or tables; a batch is of one kind.");
        if (files.Any(f => f is ProseFile))
            return Array.TrueForAll(files, f => f is ProseFile)
                ? new FilledInput(input.Name, Arrays.Fit(new NdArray([.. files.Select(f => ((ProseFile)f).Text)], files.Length, 1), input, expanded[0]), expanded)
                : throw new InvalidDataException($"'{files.First(f => f is ProseFile).Path}' is a text among arrays or tables; a batch is of one kind.");
        if (files.Any(f => f is CellFile)) return Cells(input, files, expanded);
        IReadOnlyList<string>? columns = null;
        NdArray[] parts = [.. files.Select(f => f is TableFile table ? Table(input, table, ref columns) : Arrays.Fit(((ArrayFile)f).Array, input, f.Path))];
        return new FilledInput(input.Name, Arrays.Join(parts), expanded) { Columns = columns };
    }

    /// <summary>Tables of cells: as the schema says, or, for a program or a model of text, as they are.</summary>
    private FilledInput Cells(ModelInput input, DataFile[] files, List<string> paths)
    {
        if (files.FirstOrDefault(f => f is not CellFile) is { } other) throw new InvalidDataException($"'{other.Path}' is no table, and others are; a batch is of one kind.");
        List<NdArray> parts = [];
        List<IReadOnlyList<string>> words = [];
        foreach (CellFile file in files.Cast<CellFile>())
        {
            dropped.UnionWith(file.Table.Columns.Intersect(dropColumns));
            TextTable table = file.Table.Without(dropColumns);
            if (schema is null)
            {
                parts.Add(Plain(file.Path, table, input.Type.Storage() == Storage.String));
                continue;
            }
            try
            {
                EncodedTable encoded = schema.Encode(table);
                parts.Add(encoded.Values);
                words.AddRange(encoded.Words);
            }
            catch (InvalidDataException e)
            {
                throw new InvalidDataException($"'{file.Path}': {e.Message}", e);
            }
        }
        NdArray joined = Arrays.Join(parts);
        if (schema is not null && input.Row is { } row && NdArray.Count(row) != schema.Columns.Count)
            throw new ShapeMismatchException($"the schema has {schema.Columns.Count} columns, and the model's input '{input.Name}' takes {NdArray.Count(row)} ({input.Shape}).");
        return new FilledInput(input.Name, input.Shape is null ? joined : Arrays.Fit(joined, input, paths[0]), paths) { Columns = schema?.Columns ?? cellColumns, Words = schema is null ? null : words };
    }

    /// <summary>Whether tables with the schema's columns are given for all of several inputs at once.</summary>
    private bool IsWhole(IReadOnlyList<string> given) => schema is not null && inputs.Count > 1 && given.Count > 0 && given.All(File.Exists);

    /// <summary>A table's columns, divided among the inputs: those of the first, then those of the second, and so on.</summary>
    private IReadOnlyList<FilledInput> Whole(IReadOnlyList<string> paths)
    {
        FilledInput whole = Fill(new ModelInput("table", ElementType.Float, Shape: null), paths);
        int[] sizes = [.. inputs.Select(i => i.Row is { } row ? NdArray.Count(row) : i.Shape is { Rank: 1 } ? 1 : throw new ShapeMismatchException($"the model's input '{i.Name}' ({i.Shape}) leaves open how many columns it takes; give each input its own file: --input {i.Name}=FILE."))];
        if (whole.Array.Rank != 2 || sizes.Sum() != whole.Array.Dims[1])
            throw new ShapeMismatchException($"the schema has {schema!.Columns.Count} columns, and the model's inputs take {sizes.Sum()} together ({string.Join(", ", inputs.Select(i => $"{i.Name} {i.Shape}"))}).");
        int at = 0;
        return [.. inputs.Select((input, i) =>
        {
            int from = at;
            at += sizes[i];
            return whole with { Name = input.Name, Array = Arrays.Fit(Part(whole.Array, from, sizes[i], input), input, paths[0]), Columns = [.. whole.Columns!.Skip(from).Take(sizes[i])] };
        })];
    }

    private NdArray Part(NdArray table, int from, int size, ModelInput input)
    {
        (int rows, int columns) = (table.Dims[0], table.Dims[1]);
        bool text = table.Type.Storage() == Storage.String, wanted = input.Type.Storage() == Storage.String;
        if (wanted && !text) throw new InvalidDataException($"the model's input '{input.Name}' takes text, and the schema's column '{schema!.Columns[from]}' holds numbers; give its feature \"kind\": \"category\".");
        NdArray part = NdArray.Create(wanted ? ElementType.String : ElementType.Float, rows, size);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < size; c++)
            {
                int source = r * columns + from + c, to = r * size + c;
                if (wanted) part.Strings[to] = table.Strings[source];
                else part.Floats[to] = !text ? table.Floats[source] : float.TryParse(table.Strings[source], System.Globalization.CultureInfo.InvariantCulture, out float value) ? value
                    : throw new InvalidDataException($"the model's input '{input.Name}' takes numbers, and row {r} has '{table.Strings[source]}' in the schema's column '{schema!.Columns[from + c]}'; give its feature \"codes\" or \"oneHot\".");
            }
        return part;
    }

    private NdArray Plain(string path, TextTable table, bool text)
    {
        bool first = cellColumns is null;
        cellColumns ??= table.Columns;
        if (first) holdText = text || table.Cells.Any(r => Array.Exists(r, c => !TextTable.IsMissing(c) && !float.TryParse(c, System.Globalization.CultureInfo.InvariantCulture, out _)));
        int[] places = [.. cellColumns.Select(c => Enumerable.Range(0, table.Columns.Count).FirstOrDefault(i => table.Columns[i] == c, -1))];
        if (places.Contains(-1) || table.Columns.Count != cellColumns.Count)
            throw new InvalidDataException($"'{path}' has the columns {string.Join(", ", table.Columns.Take(20))}, and the rows to explain have {string.Join(", ", cellColumns.Take(20))}; they must be the same. Leave columns out with --drop-column NAME.");
        string[] cells = [.. table.Cells.SelectMany(row => places.Select(i => row[i]))];
        if (holdText) return new NdArray(cells, table.Rows, places.Length);
        return new NdArray(Array.ConvertAll(cells, c => TextTable.IsMissing(c) ? float.NaN : float.TryParse(c, System.Globalization.CultureInfo.InvariantCulture, out float value) ? value
            : throw new InvalidDataException($"'{path}' holds the text '{(c.Length > 40 ? c[..40] + "..." : c)}', and the rows to explain hold numbers only.")), table.Rows, places.Length);
    }

    private FilledInput Pictures(ModelInput input, DataFile[] files, List<string> paths)
    {
        ImagePreprocessing preprocessing = pictures.For(input);
        if (preprocessing.Size is null && input.Shape is { Rank: not 4 })
            throw new ShapeMismatchException($"the model's input '{input.Name}' is {input.Shape}, not a picture of four dimensions; say what size a picture is to be with --image-size.");
        NdArray array = NdArray.From(preprocessing.ApplyAll([.. files.Select(f => ((PictureFile)f).Picture)]));
        if (input.Type.IsInteger())
            for (int i = 0; i < array.Length; i++) array.Floats[i] = MathF.Round(array.Floats[i]);
        return new FilledInput(input.Name, Arrays.Fit(array, input, paths[0]), paths) { Pictures = preprocessing };
    }

    private NdArray Table(ModelInput input, TableFile file, ref IReadOnlyList<string>? columns)
    {
        string[] names = file.Table.ColumnNames?.ToArray() ?? [];
        int[] kept = [.. Enumerable.Range(0, file.Table.Columns).Where(c => names.Length == 0 || !dropColumns.Contains(names[c]))];
        dropped.UnionWith(names.Intersect(dropColumns));
        NdArray table = NdArray.From(file.Table.Values);
        kept = ByName(input, names, kept);
        NdArray values = NdArray.Create(ElementType.Float, file.Table.Rows, kept.Length);
        for (int r = 0; r < file.Table.Rows; r++)
            for (int k = 0; k < kept.Length; k++) values.Floats[r * kept.Length + k] = table.Floats[r * file.Table.Columns + kept[k]];
        if (names.Length > 0) columns = [.. kept.Select(c => names[c])];
        if (input.Row is not { } row) return input.Shape is { Rank: 1 } ? Arrays.Fit(values.Reshape(values.Length), input, file.Path) : Arrays.Fit(values, input, file.Path);
        int needed = NdArray.Count(row);
        if (kept.Length == needed) return values.Reshape([file.Table.Rows, .. row]);
        string hint = kept.Length == needed + 1
            ? $" Leave the one that is not an input out: --drop-column {(names.Length == 0 ? "NAME (the table needs a header row for that)" : Suspect(names, kept))}."
            : kept.Length > needed && names.Length > 0 ? $" Leave columns out with --drop-column NAME; there are {string.Join(", ", columns!.Take(20))}." : "";
        throw new ShapeMismatchException($"'{file.Path}' has {kept.Length} columns, and the model's input '{input.Name}' takes {needed} ({input.Shape}).{hint}");
    }

    /// <summary>
    /// The table's columns in the order in which the model names its features; as they are where either has no names, or none in common.
    /// </summary>
    /// <param name="input">The model's input.</param>
    /// <param name="names">All columns of the table.</param>
    /// <param name="kept">The places of those that are not dropped.</param>
    /// <exception cref="ShapeMismatchException">Some of the model's features are there, and others are not.</exception>
    public static int[] ByName(ModelInput input, IReadOnlyList<string> names, int[] kept)
    {
        if (input.Columns is not { } wanted || names.Count == 0) return kept;
        var places = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (int c in kept) places.TryAdd(names[c], c);
        string[] lost = [.. wanted.Where(w => !places.ContainsKey(w))];
        if (lost.Length == wanted.Count) return kept;
        if (lost.Length > 0)
            throw new ShapeMismatchException($"the table lacks {(lost.Length == 1 ? "the column" : $"{lost.Length} columns of the model's {wanted.Count} features:")} {string.Join(", ", lost.Take(8).Select(l => $"'{l}'"))}{(lost.Length > 8 ? ", ..." : "")}; it has {string.Join(", ", kept.Take(20).Select(c => names[c]))}.");
        return [.. wanted.Select(w => places[w])];
    }

    /// <summary>The column that is most likely the answer: one with such a name, or else the last.</summary>
    private static string Suspect(string[] names, int[] kept) =>
        kept.Select(c => names[c]).FirstOrDefault(n => n.ToLowerInvariant() is "label" or "target" or "class" or "y" or "id") ?? names[kept[^1]];
}
