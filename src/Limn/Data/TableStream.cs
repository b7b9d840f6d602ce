using System.Runtime.InteropServices;
using CsvHelper;

namespace Limn.Data;

/// <summary>A table of numbers that is read some rows at a time, so that it may be larger than memory: a <c>.csv</c> file, or an <c>.npy</c> file of two dimensions.</summary>
/// <remarks>What a cell is, <see cref="CsvTable"/> says; cells of columns that are not <see cref="Keep">kept</see> may hold anything.</remarks>
public abstract class TableStream : IDisposable
{
    private protected int[]? Kept { get; private set; }

    /// <summary>The names of all columns; null where the file has none.</summary>
    public IReadOnlyList<string>? ColumnNames { get; private protected init; }

    /// <summary>How many columns the file has.</summary>
    public int Columns { get; private protected init; }

    /// <summary>How many rows the file has, where it says so.</summary>
    public long? Rows { get; private protected init; }

    /// <summary>How much of the file has been read, from 0 to 1.</summary>
    public abstract double Fraction { get; }

    /// <summary>Opens a file: .npy by its first bytes, otherwise comma-separated values.</summary>
    /// <exception cref="InvalidDataException">The file is missing, empty, or no table of numbers.</exception>
    public static TableStream Open(string path)
    {
        FileStream file = DataFile.Open(path);
        try
        {
            int first = file.ReadByte();
            file.Position = 0;
            return first == 0x93 ? new NpyRows(path, file) : new CsvRows(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Which columns are read, and in which order; all when never called.</summary>
    /// <exception cref="ShapeMismatchException">There is no such column.</exception>
    public void Keep(IReadOnlyList<int> columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        foreach (int c in columns)
        {
            if (c < 0 || c >= Columns) throw new ShapeMismatchException($"There is no column {c}; the table has {Columns}.");
        }
        Kept = [.. columns];
    }

    /// <summary>Reads as many of the next rows as there is room for, or are left.</summary>
    /// <param name="rows">[rows, kept columns].</param>
    /// <returns>How many rows were read; fewer than there is room for only at the end.</returns>
    /// <exception cref="InvalidDataException">A row has another number of cells, a cell is no number, or the file is cut off.</exception>
    public abstract int Read(Span<float> rows);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);

    private protected static InvalidDataException About(string path, InvalidDataException e) => new($"'{path}': {e.Message}", e);

    private sealed class CsvRows : TableStream
    {
        private readonly string path;
        private readonly FileStream file;
        private readonly CsvReader reader;
        private bool pending;

        public CsvRows(string path, FileStream file)
        {
            (this.path, this.file) = (path, file);
            reader = CsvReader.Create(file, CsvTable.ReaderOptions(null), leaveOpen: true);
            try
            {
                if (!Next()) DataFile.Throw("the table is empty.");
                Columns = reader.FieldCount;
                if (CsvTable.HasText(reader))
                {
                    ColumnNames = [.. Enumerable.Range(0, Columns).Select(reader.GetString)];
                    pending = Next();
                    if (!pending) DataFile.Throw("the table has a header but no rows.");
                }
                else
                {
                    pending = true;
                }
            }
            catch (InvalidDataException e)
            {
                reader.Dispose();
                throw About(path, e);
            }
        }

        public override double Fraction => file.Length == 0 ? 1 : (double)file.Position / file.Length;

        public override int Read(Span<float> rows)
        {
            int width = Kept?.Length ?? Columns, room = rows.Length / width, read = 0;
            try
            {
                for (; read < room && (pending || Next()); read++)
                {
                    pending = false;
                    if (reader.FieldCount != Columns)
                        DataFile.Throw($"the row in line {reader.LineNumber} has {reader.FieldCount} cells, but the first row has {Columns}; every row needs the same number.");
                    Span<float> row = rows.Slice(read * width, width);
                    for (int k = 0; k < width; k++)
                    {
                        int column = Kept is null ? k : Kept[k];
                        if (!CsvTable.TryParse(reader.GetSpan(column), out row[k])) CsvTable.Refuse(reader.GetString(column), reader.LineNumber, column, ColumnNames);
                    }
                }
            }
            catch (InvalidDataException e)
            {
                throw About(path, e);
            }
            return read;
        }

        protected override void Dispose(bool disposing)
        {
            reader.Dispose();
            file.Dispose();
        }

        private bool Next()
        {
            try
            {
                return reader.Read();
            }
            catch (CsvFormatException e)
            {
                throw new InvalidDataException($"the table is malformed{(e.LineNumber > 0 ? $" in line {e.LineNumber}" : "")}: {e.Message}", e);
            }
            catch (IOException e)
            {
                throw new InvalidDataException($"it cannot be read: {e.Message}", e);
            }
        }
    }

    private sealed class NpyRows : TableStream
    {
        private readonly string path;
        private readonly FileStream file;
        private readonly NpyType type;
        private byte[] bytes = [];
        private long left;

        public NpyRows(string path, FileStream file)
        {
            (this.path, this.file) = (path, file);
            NpyHeader header;
            try
            {
                header = NpyHeader.Read(file, file.Length);
            }
            catch (InvalidDataException e)
            {
                throw About(path, e);
            }
            if (header.Shape.Length != 2) throw new InvalidDataException($"'{path}' holds an array of {header.Shape.Length} dimensions; rows are [rows, features].");
            if (header.Type is not (NpyType.Float32 or NpyType.Float64) || header.FortranOrder || header.BigEndian || !BitConverter.IsLittleEndian)
                throw new InvalidDataException($"'{path}' cannot be read row by row: save it as float32 or float64, row-major, little-endian (numpy.ascontiguousarray(x, '<f4')).");
            if (header.Shape[0] == 0) throw new InvalidDataException($"'{path}' has no rows.");
            (type, Columns, Rows, left) = (header.Type, header.Shape[1], header.Shape[0], header.Shape[0]);
        }

        public override double Fraction => (double)(Rows!.Value - left) / Rows.Value;

        public override int Read(Span<float> rows)
        {
            int width = Kept?.Length ?? Columns, read = (int)Math.Min(left, rows.Length / width), size = type == NpyType.Float32 ? 4 : 8;
            int needed = checked(read * Columns * size);
            if (bytes.Length < needed) bytes = new byte[needed];
            if (file.ReadAtLeast(bytes.AsSpan(0, needed), needed, throwOnEndOfStream: false) < needed) throw new InvalidDataException($"'{path}' is truncated within its values.");
            for (int r = 0; r < read; r++)
                for (int k = 0; k < width; k++)
                {
                    int at = r * Columns + (Kept is null ? k : Kept[k]);
                    rows[r * width + k] = size == 4 ? MemoryMarshal.Cast<byte, float>(bytes)[at] : (float)MemoryMarshal.Cast<byte, double>(bytes)[at];
                }
            left -= read;
            return read;
        }

        protected override void Dispose(bool disposing) => file.Dispose();
    }
}
