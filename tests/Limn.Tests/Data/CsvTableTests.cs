using System.Numerics.Tensors;
using Limn.Data;

namespace Limn.Tests.Data;

public class CsvTableTests
{
    [Fact]
    public void A_header_is_told_from_numbers()
    {
        CsvTable named = CsvTable.Parse("age,\"in,come\"\n1,2\n3,4.5e1\n");
        Assert.Equal(["age", "in,come"], named.ColumnNames!);
        Assert.Equal([1, 2, 3, 45], Values(named));
        Assert.Equal((2, 2), (named.Rows, named.Columns));
        CsvTable bare = CsvTable.Parse("1,2\n3,4\n");
        Assert.Null(bare.ColumnNames);
        Assert.Equal((2, 2), (bare.Rows, bare.Columns));
        Assert.Equal(["1", "2"], CsvTable.Parse("1,2\n3,4\n", new CsvOptions { HasHeader = true }).ColumnNames!);
    }

    [Fact]
    public void Missing_cells_are_NaN_and_do_not_make_a_header()
    {
        CsvTable table = CsvTable.Parse(",NA,?,NaN,na, \n1,2,3,4,5,6\n");
        Assert.Null(table.ColumnNames);
        Assert.Equal(2, table.Rows);
        Assert.All(Values(table)[..6], v => Assert.True(float.IsNaN(v)));
        Assert.Equal([1, 2, 3, 4, 5, 6], Values(table)[6..]);
    }

    [Theory]
    [InlineData("a;b\n1;2\n3;4\n")]
    [InlineData("a\tb\n1\t2\n3\t4\n")]
    [InlineData("a,b\r\n1,2\r\n\r\n3,4")]
    [InlineData(" a , b \n 1 , 2 \n\"3\",\" 4 \"\n")]
    [InlineData("\uFEFFa,b\n1,2\n3,4\n")]
    public void Delimiters_line_ends_spaces_and_quotes_are_understood(string text)
    {
        CsvTable table = CsvTable.Parse(text);
        Assert.Equal(["a", "b"], table.ColumnNames!);
        Assert.Equal([1, 2, 3, 4], Values(table));
    }

    [Fact]
    public void The_delimiter_can_be_given()
    {
        Assert.Equal([1, 2], Values(CsvTable.Parse("1|2\n", new CsvOptions { Delimiter = '|' })));
        Assert.Throws<InvalidOptionException>(() => CsvTable.Parse("1", new CsvOptions { Delimiter = 'é' }));
        Assert.Throws<InvalidOptionException>(() => CsvTable.Parse("1", new CsvOptions { Delimiter = '"' }));
    }

    [Fact]
    public void One_column_and_infinities_are_numbers()
    {
        Assert.Equal([1, float.PositiveInfinity, float.NegativeInfinity, -0.5f], Values(CsvTable.Parse("1\ninf\n-Infinity\n-.5\n")));
        Assert.Equal([42f], Values(CsvTable.Parse("42")));
    }

    [Theory]
    [InlineData("a,b\n1,red\n", "'red' in line 2, column 2 ('b')")]
    [InlineData("1,2\n3,x\n", "'x' in line 2, column 2 is")]
    [InlineData("1;2\n\"1,5\";2\n", "decimals with a point")]
    [InlineData("1\n1e99\n", "'1e99' in line 2")]
    [InlineData("1,2\n\n3\n", "line 3 has 1 cells, but the first row has 2")]
    [InlineData("1,2\n3,4,5\n", "line 2 has 3 cells")]
    [InlineData("a,b\n", "no rows")]
    [InlineData("", "empty")]
    [InlineData("\n\n", "empty")]
    [InlineData("1,2\n\"3,4\n", "line 2")]
    [InlineData("1,2\n3\"3,4\n", "line 2")]
    public void What_is_no_table_of_numbers_is_refused_with_row_and_column(string text, string reason)
    {
        var error = Assert.Throws<Limn.InvalidDataException>(() => CsvTable.Parse(text));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_is_read_and_named_in_errors()
    {
        using var folder = new TemporaryFolder();
        Assert.Equal([1, 2], Values(CsvTable.Read(folder.Write("a.csv", "x,y\n1,2\n"u8.ToArray()))));
        Assert.Contains("bad.csv", Assert.Throws<Limn.InvalidDataException>(() => CsvTable.Read(folder.Write("bad.csv", "1,2\n1"u8.ToArray()))).Message, StringComparison.Ordinal);
    }

    [SharedFact("models/mnist/mnist_100.csv")]
    public void A_hundred_digits_are_read()
    {
        CsvTable table = CsvTable.Read(SharedFiles.Path("models/mnist/mnist_100.csv"));
        Assert.Null(table.ColumnNames);
        Assert.Equal((100, 785), (table.Rows, table.Columns));
        Assert.Equal(7, table.Values[0, 0]);
        Assert.InRange(Values(table).Max(), 200, 255);
    }

    private static float[] Values(CsvTable table)
    {
        float[] values = new float[table.Values.FlattenedLength];
        table.Values.FlattenTo(values);
        return values;
    }
}
