# title: brands sold in both of two years
# workload: tpch
SELECT p.p_brand, p.p_type
FROM lineitem AS l, orders AS o, part AS p
WHERE l.l_orderkey = o.o_orderkey AND l.l_partkey = p.p_partkey AND o.o_orderdate >= DATE '1995-01-01' AND o.o_orderdate < DATE '1996-01-01'
INTERSECT
SELECT p.p_brand, p.p_type
FROM lineitem AS l, orders AS o, part AS p
WHERE l.l_orderkey = o.o_orderkey AND l.l_partkey = p.p_partkey AND o.o_orderdate >= DATE '1996-01-01' AND o.o_orderdate < DATE '1997-01-01';

# title: names of the customers who ordered urgently
# workload: tpch
SELECT DISTINCT c.c_name, c.c_address
FROM orders AS o JOIN lineitem AS l ON l.l_orderkey = o.o_orderkey JOIN customer AS c ON o.o_custkey = c.c_custkey
WHERE o.o_orderpriority = '1-URGENT' AND l.l_shipmode = 'AIR';
